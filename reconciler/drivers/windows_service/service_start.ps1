# Makes a Windows service, or changes it while it is stopped, and starts it. From then on Windows starts it with the
# machine (automatic, delayed) and again when it ends by failure. What runs already with that command line is left alone;
# where anything else runs, nothing is changed. Where it cannot be started it is disabled again, and `code` says why.
# By hand: .\service_start.ps1 -Name production-worker-blue -Line '"D:\w\1.0\w.exe" --slot blue'
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

# As above, but what is wrong with the service itself is no error, it is answered, as a start's number is. 16: marked for
# deletion; 21: its line, or its account, is none; 22: its account is not valid.
function Get-Code([string]$What, [long]$Code) {
    if (@(16, 21, 22) -notcontains $Code) { Confirm-Done $What $Code }
    $Code
}

# Another world than whoever asks has seen: nothing was changed, and it is for the next look to say what is to be done.
function Stop-NotNow([string]$Text) {
    Write-Error -Message $Text -Category ResourceBusy -ErrorAction Stop
}

function Find-Service([string]$Name) {
    if ($Name -notmatch '^[A-Za-z0-9._-]{1,200}$') { throw 'A service has letters, digits, dots, dashes and _ only.' }
    Get-CimInstance -ClassName Win32_Service -Filter ("Name='" + $Name + "'")
}

function Get-Answer([long]$Code) {
    [pscustomobject]@{ code = $Code; state = [string](Find-Service $Name).State }
}

function Set-Settings($Service, [hashtable]$Settings) {
    $done = Invoke-CimMethod -InputObject $Service -MethodName Change -Arguments $Settings
    Get-Code ('a change of the service ' + $Service.Name) $done.ReturnValue
}

# It tells Windows' numbers, of which 1072 is Win32_Service's 16.
# No script of ours hands it a text with a quote or a blank in it: Windows PowerShell would not pass that on as it is.
function Invoke-Controller([string[]]$Words) {
    [void](& "$env:SystemRoot\System32\sc.exe" @Words)
    if ($LASTEXITCODE -eq 1072) { return [long]16 }
    Confirm-Done ('sc.exe ' + $Words[0] + ' ' + $Words[1]) $LASTEXITCODE
    [long]0
}

# Where the other one runs nothing is started. It is looked at again once it is disabled: from then on nothing starts it,
# but somebody may have done so just before. Then it is as it was before.
function Disable-Other {
    $before = Find-Service $Other
    if ($null -eq $before) { return }
    $says = ' is {0}; of these two only one may run.'
    if ($before.State -ne 'Stopped') { Stop-NotNow ($Other + ($says -f $before.State)) }
    if ($before.StartMode -ne 'Disabled') {
        Confirm-Done ('a change of the service ' + $Other) (Set-Settings $before @{ StartMode = 'Disabled' })
    }
    $now = Find-Service $Other
    if ($null -eq $now -or $now.State -eq 'Stopped') { return }
    $mode = @{ Auto = 'delayed-auto'; Manual = 'demand' }[[string]$before.StartMode]
    if ($null -ne $mode) { [void](Invoke-Controller @('config', $Other, 'start=', $mode)) }
    Stop-NotNow ($Other + ($says -f $now.State))
}

$service = Find-Service $Name
if ($null -ne $service -and $service.State -ne 'Stopped') {
    if ($service.PathName -cne $Line) { Stop-NotNow ($Name + ' is ' + $service.State + ', with another command line.') }
    if ($service.State -eq 'Stop Pending') { Stop-NotNow ($Name + ' was asked to stop, and has not yet.') }
    return Get-Answer 0
}
if ($Other -ne '') { Disable-Other }

$settings = @{ PathName = $Line; StartMode = 'Disabled'; StartName = $Account }
if ($Account -match '^NT AUTHORITY\\') { $settings.StartPassword = '' } # a managed account's is told to nobody
$code = [long]0
if ($null -eq $service) {
    $new = @{ Name = $Name; DisplayName = $Name; ServiceType = [byte]16; ErrorControl = [byte]1; DesktopInteract = $false }
    $made = Invoke-CimMethod -ClassName Win32_Service -MethodName Create -Arguments ($settings + $new)
    $code = Get-Code ('the new service ' + $Name) $made.ReturnValue
} elseif ($service.PathName -cne $Line -or $service.StartName -ne $Account) {
    $code = Set-Settings $service $settings
}
if ($code -ne 0) { return Get-Answer $code }
$key = 'HKLM:\SYSTEM\CurrentControlSet\Services\' + $Name
[void](New-ItemProperty -LiteralPath $key -Name Environment -PropertyType MultiString -Value $Variables -Force)
$recovery = @('failure', $Name, 'reset=', '86400', 'actions=', 'restart/5000/restart/15000/restart/60000')
foreach ($words in $recovery, @('failureflag', $Name, '1'), @('config', $Name, 'start=', 'delayed-auto')) {
    $code = Invoke-Controller $words
    if ($code -ne 0) { return Get-Answer $code }
}

$service = Find-Service $Name
$code = [long](Invoke-CimMethod -InputObject $service -MethodName StartService).ReturnValue
if ($code -eq 10) { $code = [long]0 } # it runs already
if ($code -ne 0) { [void](Set-Settings $service @{ StartMode = 'Disabled' }) }
Get-Answer $code
