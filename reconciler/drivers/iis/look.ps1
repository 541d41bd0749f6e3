# Says how sites and their application pools of the same names stand: states, physical path, release, processes.
# Changes nothing. By hand, as an administrator: .\look.ps1 -Sites shop-portal-blue, shop-portal-green
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string[]]$Sites
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

# Accessors are called as methods, here and below: a property that throws, as those that ask WAS do while it restarts, is
# silently $null in PowerShell.
function Get-State($Thing) {
    if ($null -eq $Thing) { return 'Absent' }
    [string]$Thing.get_State()
}

# How a site and its pool stand. Of the pool's variables only ours are told: others may hold secrets.
function Get-Stand($Manager, [string]$Name) {
    $pool = $Manager.get_ApplicationPools()[$Name]
    $site = $Manager.get_Sites()[$Name]
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

function Get-Stands([string[]]$Names) {
    $manager = [Microsoft.Web.Administration.ServerManager]::new()
    try {
        foreach ($name in $Names) { Get-Stand $manager $name }
    } finally { $manager.Dispose() }
}

# ---- until here ---------------------------------------------------------------------------------------------------

[pscustomobject]@{ stands = @(Get-Stands $Sites) }
