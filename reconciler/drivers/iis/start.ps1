# Makes or changes the site and the application pool of one slot for a release, and starts both. What runs already is left
# as it is; what differs is written in one change of applicationHost.config, and nothing is where nothing differs.
# It does not wait until the member is ready. Other sites are looked at before and after, and nothing else; but of one
# of which only one may run (`Alone`) the same change takes from the others that they start with the machine.
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Site,
    [Parameter(Mandatory = $true)][string]$Release, # the pin's label: told to what runs as SLOT_RELEASE
    [Parameter(Mandatory = $true)][string]$Path,    # the release's folder
    [Parameter(Mandatory = $true)][int]$Port,
    [Parameter(Mandatory = $true)][string]$ConfigFile,
    [Parameter(Mandatory = $true)][string]$Config,  # what is put there: told to what runs as SLOT_CONFIG
    [Parameter(Mandatory = $true)][int]$StopSeconds,
    [string[]]$Others = @(),
    [bool]$Alone = $false                           # while one of the others runs it is refused
)

# ---- the same in look.ps1, start.ps1 and stop.ps1 -----------------------------------------------------------------

$library = [IO.Path]::Combine($env:windir, 'System32', 'inetsrv', 'Microsoft.Web.Administration.dll')
if (-not [IO.File]::Exists($library)) {
    throw 'IIS is not installed there; run: Install-WindowsFeature Web-Server, Web-Scripting-Tools, Web-AppInit'
}
[void][Reflection.Assembly]::LoadFrom($library)

# Where it is written down which processes were asked to end, and when.
function Get-Mark([string]$Name) {
    [IO.Path]::Combine($env:ProgramData, 'reconciler', 'sites', $Name + '.stopping')
}

# The worker processes of a pool, whether or not IIS still knows of them, all that these have started, and what is left
# of those that were asked to end. A number counts with its start only: numbers are given again.
function Get-Family([string]$Name) {
    $columns = @('ProcessId', 'ParentProcessId', 'CreationDate', 'Name', 'CommandLine')
    $all = @(Get-CimInstance -ClassName Win32_Process -Property $columns |
        Where-Object { $null -ne $_.CreationDate } | ForEach-Object {
            [pscustomobject]@{
                pid = [long]$_.ProcessId; parent = [long]$_.ParentProcessId; name = [string]$_.Name
                at = $_.CreationDate; line = [string]$_.CommandLine
                started = $_.CreationDate.ToUniversalTime().ToString('o', [Globalization.CultureInfo]::InvariantCulture)
            }
        })
    $known = @()
    $mark = Get-Mark $Name
    if ([IO.File]::Exists($mark)) { $known = @([IO.File]::ReadAllLines($mark) | Select-Object -Skip 1) }
    $sign = '-ap "' + $Name + '"'
    $found = @($all | Where-Object {
        ($_.name -eq 'w3wp.exe' -and $_.line.IndexOf($sign, [StringComparison]::OrdinalIgnoreCase) -ge 0) -or
        $known -contains ('' + $_.pid + ' ' + $_.started)
    })
    for ($at = 0; $at -lt $found.Count; $at += 1) {
        $one = $found[$at]
        $found += @($all | Where-Object { $_.parent -eq $one.pid -and $_.at -ge $one.at -and $found -notcontains $_ })
    }
    $found | Select-Object -Property @('pid', 'started', 'name')
}

function Get-State($Thing) {
    if ($null -eq $Thing) { return 'Absent' }
    [string]$Thing.State
}

# How a site and its pool stand. Of the pool's variables only ours are told: others may hold secrets.
function Get-Stand($Manager, [string]$Name) {
    $pool = $Manager.ApplicationPools[$Name]
    $site = $Manager.Sites[$Name]
    $path = ''
    if ($null -ne $site -and $null -ne $site.Applications['/']) {
        $path = [string]$site.Applications['/'].VirtualDirectories['/'].PhysicalPath
    }
    $release = ''
    $auto = $false
    if ($null -ne $pool) {
        $auto = [bool]$pool.AutoStart
        foreach ($variable in $pool.GetCollection('environmentVariables')) {
            if ($variable['name'] -eq 'SLOT_RELEASE') { $release = [string]$variable['value'] }
        }
    }
    [pscustomobject]@{
        name = [string]$Name; pool = [string](Get-State $pool); site = [string](Get-State $site); path = $path
        release = $release; auto = $auto; processes = @(Get-Family $Name)
    }
}

# ---- until here ---------------------------------------------------------------------------------------------------

$script:changed = $false

# `Said`: where an attribute is written by another value than it is read by.
function Set-Value($Element, [string]$Name, $Value, $Said = $Value) {
    if ($Element.GetAttributeValue($Name) -ceq $Value) { return }
    $Element.SetAttributeValue($Name, $Said)
    $script:changed = $true
}

function Set-Told($Variables, [string]$Name, [string]$Value) {
    foreach ($one in $Variables) {
        if ($one['name'] -eq $Name) { Set-Value $one 'value' $Value; return }
    }
    $one = $Variables.CreateElement('add')
    $one['name'] = $Name
    $one['value'] = $Value
    [void]$Variables.Add($one)
    $script:changed = $true
}

function Set-Pool($Manager) {
    $pool = $Manager.ApplicationPools[$Site]
    if ($null -eq $pool) { $pool = $Manager.ApplicationPools.Add($Site); $script:changed = $true }
    Set-Value $pool 'managedRuntimeVersion' ''
    Set-Value $pool 'autoStart' $true
    Set-Value $pool 'startMode' 1 'AlwaysRunning'
    $model = $pool.GetChildElement('processModel')
    Set-Value $model 'idleTimeout' ([TimeSpan]::Zero)
    Set-Value $model 'shutdownTimeLimit' ([TimeSpan]::FromSeconds($StopSeconds))
    $recycling = $pool.GetChildElement('recycling')
    Set-Value $recycling 'disallowRotationOnConfigChange' $true
    $restart = $recycling.GetChildElement('periodicRestart')
    Set-Value $restart 'time' ([TimeSpan]::Zero)
    $schedule = $restart.GetCollection('schedule')
    if ($schedule.Count -gt 0) { $schedule.Clear(); $script:changed = $true }
    Set-Value $pool.GetChildElement('failure') 'rapidFailProtection' $false
    $variables = $pool.GetCollection('environmentVariables')
    Set-Told $variables 'SLOT_RELEASE' $Release
    Set-Told $variables 'SLOT_CONFIG' $ConfigFile
}

function Set-Site($Manager) {
    $place = '*:' + $Port + ':'
    $at = $Manager.Sites[$Site]
    if ($null -eq $at) { $at = $Manager.Sites.Add($Site, 'http', $place, $Path); $script:changed = $true }
    Set-Value $at 'serverAutoStart' $true
    $plain = @($at.Bindings | Where-Object { $_.Protocol -eq 'http' })
    if ($plain.Count -ne 1 -or $plain[0].BindingInformation -ne $place) {
        $plain | ForEach-Object { $at.Bindings.Remove($_) }
        [void]$at.Bindings.Add($place, 'http')
        $script:changed = $true
    }
    $application = $at.Applications['/']
    if ($null -eq $application) { $application = $at.Applications.Add('/', $Path); $script:changed = $true }
    Set-Value $application 'applicationPool' $Site
    Set-Value $application 'preloadEnabled' $true
    Set-Value $application.VirtualDirectories['/'] 'physicalPath' $Path
}

# One that is stopped stays so after a reboot, as after a stop of ours.
function Set-Resting($Manager, [string]$Name) {
    $pool = $Manager.ApplicationPools[$Name]
    if ($null -ne $pool) {
        Set-Value $pool 'autoStart' $false
        Set-Value $pool 'startMode' 0 'OnDemand'
    }
    $at = $Manager.Sites[$Name]
    if ($null -ne $at) { Set-Value $at 'serverAutoStart' $false }
}

# Whole before it has its name. Readable for whom the folder is: the pool's own account must be.
function Write-Config {
    if ([IO.File]::Exists($ConfigFile) -and [IO.File]::ReadAllText($ConfigFile) -ceq $Config) { return }
    [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($ConfigFile))
    $draft = $ConfigFile + '.' + [Guid]::NewGuid().ToString('N')
    [IO.File]::WriteAllText($draft, $Config)
    if ([IO.File]::Exists($ConfigFile)) { [IO.File]::Replace($draft, $ConfigFile, [NullString]::Value) }
    else { [IO.File]::Move($draft, $ConfigFile) }
}

# A pool that was only just made is not known to IIS at once.
function Start-Both {
    $limit = [DateTime]::UtcNow.AddSeconds(10)
    while ($true) {
        $fresh = [Microsoft.Web.Administration.ServerManager]::new()
        try {
            $pool = $fresh.ApplicationPools[$Site]
            $at = $fresh.Sites[$Site]
            if ((Get-State $pool) -eq 'Stopped') { [void]$pool.Start() }
            if ((Get-State $at) -eq 'Stopped') { [void]$at.Start() }
            return
        } catch [Runtime.InteropServices.COMException] {
            if ([DateTime]::UtcNow -gt $limit) { Write-Error -Message $_.Exception.Message -ErrorAction Stop }
        } finally { $fresh.Dispose() }
        Start-Sleep -Milliseconds 200
    }
}

if (-not [IO.File]::Exists([IO.Path]::Combine($Path, 'web.config'))) {
    throw ('The release is not there: expected ' + $Path + '\web.config; put the files there.')
}

$manager = [Microsoft.Web.Administration.ServerManager]::new()
try {
    $stand = Get-Stand $manager $Site
    $before = @($Others | ForEach-Object { Get-Stand $manager $_ })
    $runs = $stand.pool -eq 'Started' -or $stand.pool -eq 'Starting'
    $called = $stand.release
    if ($called -eq '') { $called = 'what the reconciler has not started' }
    if ($runs -and $stand.release -cne $Release) {
        throw ($Site + ' runs ' + $called + '; it must be stopped before ' + $Release + ' can start.')
    }
    if (-not $runs -and ($stand.pool -eq 'Stopping' -or $stand.processes.Count -gt 0)) {
        throw ($Site + ' still runs ' + $called + ', which was asked to stop; wait until it has.')
    }
    $rivals = @($before | Where-Object { @('Absent', 'Stopped') -notcontains $_.pool -or $_.processes.Count -gt 0 })
    if ($Alone -and $rivals.Count -gt 0) {
        $how = 'is ' + $rivals[0].pool
        if ($rivals[0].processes.Count -gt 0) { $how = 'runs, or has processes left' }
        throw ($rivals[0].name + ' ' + $how + '; of these two only one may run.')
    }
    foreach ($other in $manager.Sites) {
        $taken = @($other.Bindings | Where-Object { $null -ne $_.EndPoint -and $_.EndPoint.Port -eq $Port })
        if ($other.Name -ne $Site -and $taken.Count -gt 0) {
            throw ('Port ' + $Port + ' is taken by the site ' + $other.Name + '; give one of them another port.')
        }
    }
    $listeners = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().GetActiveTcpListeners()
    if ($stand.site -ne 'Started' -and @($listeners | Where-Object { $_.Port -eq $Port }).Count -gt 0) {
        throw ('Port ' + $Port + ' is taken by another program; see: Get-NetTCPConnection -LocalPort ' + $Port)
    }

    if ($Alone) { $Others | ForEach-Object { Set-Resting $manager $_ } }
    if (-not $runs -or $stand.site -eq 'Absent') {
        Write-Config
        $mark = Get-Mark $Site
        if ([IO.File]::Exists($mark)) { [IO.File]::Delete($mark) } # in a folder that is not there it would throw
        Set-Pool $manager
        Set-Site $manager
    }
    if ($script:changed) { $manager.CommitChanges() }
} finally { $manager.Dispose() }
Start-Both

$after = [Microsoft.Web.Administration.ServerManager]::new()
try {
    $stands = @(@($Site) + $Others | ForEach-Object { Get-Stand $after $_ })
} finally { $after.Dispose() }
[pscustomobject]@{ changed = [bool]$script:changed; before = @($before); stands = @($stands) }
