# Makes a Windows service, or changes it while it is stopped, and starts it. From then on Windows starts it with the
# machine (automatic, delayed) and again when it ends by failure. What runs already with that command line is left alone;
# anything else that runs there is refused. Where it cannot be started it is disabled again, and `code` says why.
# By hand: .\service_start.ps1 -Name production-worker-blue -Line '"D:\w\1.0\w.exe" --slot blue' -Record C:\...\x.json
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Name,
    [Parameter(Mandatory = $true)][string]$Line,
    [string]$Account = 'NT AUTHORITY\LocalService', # built in, or managed by the domain: there is no password
    [string[]]$Variables = @(),                     # NAME=value, for its process
    [string]$Other = ''                             # one of which not both may run: it is disabled, if it is stopped
)

# Windows' own number as an error; 2: no rights.
function Confirm-Done([string]$What, [long]$Code) {
    if ($Code -eq 0) { return }
    $category = 'InvalidResult'
    if ($Code -eq 2 -or $Code -eq 5) { $category = 'PermissionDenied' }
    Write-Error -Message ('{0}: Windows answers {1}' -f $What, $Code) -Category $category -ErrorAction Stop
}

function Find-Service([string]$Name) {
    if ($Name -notmatch '^[A-Za-z0-9._-]{1,200}$') { throw 'A service has letters, digits, dots, dashes and _ only.' }
    Get-CimInstance -ClassName Win32_Service -Filter ("Name='" + $Name + "'")
}

function Set-Settings($Service, [hashtable]$Settings) {
    $done = Invoke-CimMethod -InputObject $Service -MethodName Change -Arguments $Settings
    Confirm-Done ('a change of the service ' + $Service.Name) $done.ReturnValue
}

# No script of ours hands it a text with a quote or a blank in it: Windows PowerShell would not pass that on as it is.
function Invoke-Controller([string[]]$Words) {
    [void](& "$env:SystemRoot\System32\sc.exe" @Words)
    Confirm-Done ('sc.exe ' + $Words[0] + ' ' + $Words[1]) $LASTEXITCODE
}

$service = Find-Service $Name
if ($null -ne $service -and $service.State -ne 'Stopped') {
    if ($service.PathName -cne $Line) {
        throw ($Name + ' is ' + $service.State + ' with another command line; it must be stopped first.')
    }
    if ($service.State -eq 'Stop Pending') { throw ($Name + ' was asked to stop; wait until it has.') }
    return [pscustomobject]@{ code = [long]0; state = [string]$service.State }
}
$rival = $null
if ($Other -ne '') { $rival = Find-Service $Other }
if ($null -ne $rival) {
    if ($rival.State -ne 'Stopped') { throw ($Other + ' is ' + $rival.State + '; of these two only one may run.') }
    if ($rival.StartMode -ne 'Disabled') { Set-Settings $rival @{ StartMode = 'Disabled' } }
    # From here on nothing starts it; Windows may have done so just before.
    $rival = Find-Service $Other
    if ($rival.State -ne 'Stopped') { throw ($Other + ' is ' + $rival.State + '; of these two only one may run.') }
}

$settings = @{ PathName = $Line; StartMode = 'Disabled'; StartName = $Account }
if ($Account -match '^NT AUTHORITY\\') { $settings.StartPassword = '' } # a managed account's is told to nobody
if ($null -eq $service) {
    $new = @{ Name = $Name; DisplayName = $Name; ServiceType = [byte]16; ErrorControl = [byte]1; DesktopInteract = $false }
    $made = Invoke-CimMethod -ClassName Win32_Service -MethodName Create -Arguments ($settings + $new)
    Confirm-Done ('the new service ' + $Name) $made.ReturnValue
} elseif ($service.PathName -cne $Line -or $service.StartName -ne $Account) {
    Set-Settings $service $settings
}
$key = 'HKLM:\SYSTEM\CurrentControlSet\Services\' + $Name
[void](New-ItemProperty -LiteralPath $key -Name Environment -PropertyType MultiString -Value $Variables -Force)
Invoke-Controller @('failure', $Name, 'reset=', '86400', 'actions=', 'restart/5000/restart/15000/restart/60000')
Invoke-Controller @('failureflag', $Name, '1')
Invoke-Controller @('config', $Name, 'start=', 'delayed-auto')

$service = Find-Service $Name
$code = [long](Invoke-CimMethod -InputObject $service -MethodName StartService).ReturnValue
if ($code -eq 10) { $code = [long]0 } # it runs already
if ($code -ne 0) { Set-Settings $service @{ StartMode = 'Disabled' } }
[pscustomobject]@{ code = $code; state = [string](Find-Service $Name).State }
