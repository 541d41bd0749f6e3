# Says what is installed and set up on this machine for an environment's farms: modules, rules, health tests, the pool's
# recycling, and which sites of this IIS have a port that a member has. Changes nothing.
# By hand: .\installed.ps1 -Site Portal -Pool Portal -Rules reconciler-production.web -Farms reconciler-production.web
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Site,
    [Parameter(Mandatory = $true)][string]$Pool,
    [Parameter(Mandatory = $true)][string[]]$Farms,
    [Parameter(Mandatory = $true)][string[]]$Rules,
    [int[]]$Ports = @()
)

$file = [IO.Path]::Combine($env:windir, 'System32', 'inetsrv', 'Microsoft.Web.Administration.dll')
if (-not [IO.File]::Exists($file)) { throw 'IIS is not installed there, or not its management tools; see docs/windows.md.' }
[void][Reflection.Assembly]::LoadFrom($file)
$manager = New-Object Microsoft.Web.Administration.ServerManager
$configuration = $manager.GetApplicationHostConfiguration()

# Empty where the product that it belongs to is not installed: its section is not known then.
function Read-Section([string]$Path, [string]$Of) {
    try {
        if ($Of -eq '') { return $configuration.GetSection($Path) }
        return $configuration.GetSection($Path, $Of)
    } catch {
        $base = $_.Exception.GetBaseException()
        if ($base -is [UnauthorizedAccessException] -or $base.HResult -eq -2147024891) {
            Write-Error -Message $base.Message.Trim() -Category PermissionDenied -ErrorAction Stop
        }
    }
}

$modules = @()
foreach ($one in $configuration.GetSection('system.webServer/globalModules').GetCollection()) {
    $modules += [string]$one.GetAttributeValue('name')
}

$proxy = Read-Section 'system.webServer/proxy' ''
$webFarms = Read-Section 'webFarms' ''
$inbound = Read-Section 'system.webServer/rewrite/rules' $Site
$outbound = Read-Section 'system.webServer/rewrite/outboundRules' $Site

$named = @()
foreach ($section in @($inbound, $outbound)) {
    if ($null -eq $section) { continue }
    foreach ($one in $section.GetCollection()) { $named += [string]$one.GetAttributeValue('name') }
}
$lacking = @($Rules | Where-Object { $named -notcontains $_ })

$tested = @()
if ($null -ne $webFarms) {
    foreach ($farm in $webFarms.GetCollection()) {
        $name = [string]$farm.GetAttributeValue('name')
        if ($Farms -notcontains $name) { continue }
        $health = $farm.GetChildElement('applicationRequestRouting').GetChildElement('healthCheck')
        if ([string]$health.GetAttributeValue('url') -ne '') { $tested += $name }
    }
}

$recycled = $null; $idle = $null; $started = ''; $processes = $null; $runtime = ''
foreach ($one in $manager.get_ApplicationPools()) {
    if ($one.Name -ne $Pool) { continue }
    $recycled = [int]$one.Recycling.PeriodicRestart.Time.TotalMinutes
    $idle = [int]$one.ProcessModel.IdleTimeout.TotalMinutes
    $processes = [int]$one.ProcessModel.MaxProcesses
    $started = [string]$one.GetAttributeValue('startMode')
    $runtime = [string]$one.ManagedRuntimeVersion
}

# Members on this machine, by their ports: a change of its configuration is a change for them, too.
$here = @()
foreach ($one in $manager.get_Sites()) {
    foreach ($binding in $one.Bindings) {
        if ($null -ne $binding.EndPoint -and $Ports -contains $binding.EndPoint.Port) { $here += [string]$one.Name }
    }
}

[pscustomobject]@{
    modules = @($modules); arr = [bool]($null -ne $webFarms); rewrite = [bool]($null -ne $inbound)
    proxy = [bool]($null -ne $proxy -and [bool]$proxy.GetAttributeValue('enabled'))
    host = [bool]($null -ne $proxy -and [bool]$proxy.GetAttributeValue('preserveHostHeader'))
    lacking = $lacking; tested = $tested; recycled = $recycled; idle = $idle; processes = $processes
    started = $started; runtime = $runtime; here = @($here | Select-Object -Unique)
}
