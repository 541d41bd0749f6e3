# Asks a Windows service to end and does not wait for it, or ends processes of it by force. Before that it is disabled:
# so nothing starts it again, neither Windows after a failure nor a reboot.
# By hand: .\service_stop.ps1 -Name production-worker-blue
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Name,
    [string[]]$Kill = @() # processes, as number@start: none but these very ones is ended
)

function Confirm-Done([string]$What, [long]$Code) {
    if ($Code -eq 0) { return }
    $category = 'InvalidResult'
    if ($Code -eq 2 -or $Code -eq 5) { $category = 'PermissionDenied' }
    Write-Error -Message ('{0}: Windows answers {1}' -f $What, $Code) -Category $category -ErrorAction Stop
}

function Get-Moment($Time) {
    if ($null -eq $Time) { return '' }
    $Time.ToUniversalTime().ToString('o', [Globalization.CultureInfo]::InvariantCulture)
}

if ($Name -notmatch '^[A-Za-z0-9._-]{1,200}$') { throw 'A service has letters, digits, dots, dashes and _ only.' }
$filter = "Name='" + $Name + "'"
$service = Get-CimInstance -ClassName Win32_Service -Filter $filter
$code = [long]0
if ($null -ne $service) {
    if ($service.StartMode -ne 'Disabled') {
        $done = Invoke-CimMethod -InputObject $service -MethodName Change -Arguments @{ StartMode = 'Disabled' }
        Confirm-Done ('a change of the service ' + $Name) $done.ReturnValue
    }
    # 5: it cannot take that now, as when it is still starting; it is asked again by whoever wants it stopped.
    if ($Kill.Count -eq 0 -and $service.State -ne 'Stopped' -and $service.State -ne 'Stop Pending') {
        $code = [long](Invoke-CimMethod -InputObject $service -MethodName StopService).ReturnValue
        if ($code -eq 2) { Confirm-Done ('stopping the service ' + $Name) $code }
    }
}
foreach ($one in $Kill) {
    $number, $started = $one -split '@', 2
    $process = Get-CimInstance -ClassName Win32_Process -Filter ('ProcessId=' + [long]$number)
    if ($null -ne $process -and (Get-Moment $process.CreationDate) -ceq $started) {
        $done = Invoke-CimMethod -InputObject $process -MethodName Terminate -Arguments @{ Reason = [uint32]1 }
        if ($done.ReturnValue -eq 2) { Confirm-Done ('ending process ' + $number) $done.ReturnValue }
    }
}
$service = Get-CimInstance -ClassName Win32_Service -Filter $filter
$state = 'gone'
if ($null -ne $service) { $state = [string]$service.State }
[pscustomobject]@{ code = $code; state = [string]$state }
