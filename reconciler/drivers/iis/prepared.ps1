# Says what a machine has for sites of ours: rights, IIS and its modules, who has the ports, and how pools that are there
# already differ from what a start would make of them. Changes nothing.
# By hand: .\prepared.ps1 -Sites shop-portal-blue, shop-portal-green -Ports 9001, 9002
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string[]]$Sites,
    [Parameter(Mandatory = $true)][int[]]$Ports
)

$me = [Security.Principal.WindowsPrincipal]::new([Security.Principal.WindowsIdentity]::GetCurrent())
$rights = [bool]$me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
$library = [IO.Path]::Combine($env:windir, 'System32', 'inetsrv', 'Microsoft.Web.Administration.dll')
$version = ''
$modules = @()
$taken = @()
$odd = @()
if ($rights -and [IO.File]::Exists($library)) {
    $version = [string](Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\InetStp').VersionString
    [void][Reflection.Assembly]::LoadFrom($library)
    $manager = [Microsoft.Web.Administration.ServerManager]::new()
    try {
        $section = $manager.GetApplicationHostConfiguration().GetSection('system.webServer/globalModules')
        $modules = @($section.GetCollection() | ForEach-Object { [string]$_['name'] })
        $listeners = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().GetActiveTcpListeners()
        for ($at = 0; $at -lt $Ports.Count; $at += 1) {
            $by = ''
            $port = $Ports[$at]
            foreach ($site in $manager.get_Sites()) {
                $here = @($site.Bindings | Where-Object { $null -ne $_.EndPoint -and $_.EndPoint.Port -eq $port })
                if ($here.Count -gt 0) { $by = 'site ' + $site.Name }
            }
            if ($by -eq '' -and @($listeners | Where-Object { $_.Port -eq $port }).Count -gt 0) { $by = 'a program' }
            $taken += [string]$by
        }
        foreach ($name in $Sites) {
            $pool = $manager.get_ApplicationPools()[$name]
            if ($null -eq $pool) { continue }
            $restart = $pool.Recycling.PeriodicRestart
            if ($pool.ProcessModel.IdleTimeout -ne [TimeSpan]::Zero) { $odd += $name + ': an idle time-out' }
            if ($restart.Time -ne [TimeSpan]::Zero -or $restart.Schedule.Count -gt 0) { $odd += $name + ': a recycle' }
            if ($pool.Failure.RapidFailProtection) { $odd += $name + ': rapid-fail protection' }
        }
    } finally { $manager.Dispose() }
}
[pscustomobject]@{
    rights = $rights; installed = [bool][IO.File]::Exists($library); version = $version
    modules = @($modules); taken = @($taken); odd = @($odd)
}
