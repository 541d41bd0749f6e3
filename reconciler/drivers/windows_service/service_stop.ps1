# Asks a Windows service to end and does not wait for it, or ends processes of it by force. Before that it is disabled:
# so nothing starts it again, neither Windows after a failure nor a reboot. `code`: what Windows answers to that.
# By hand: .\service_stop.ps1 -Name production-worker-blue
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Name,
    [string[]]$Kill = @() # processes, as number@start: none but these very ones is ended
)

# Windows' own number as an error; 2, and 3 of a process: no rights.
function Confirm-Done([string]$What, [long]$Code) {
    if ($Code -eq 0) { return }
    $category = 'InvalidResult'
    if (@(2, 3, 5) -contains $Code) { $category = 'PermissionDenied' }
    Write-Error -Message ('{0}: Windows answers {1}' -f $What, $Code) -Category $category -ErrorAction Stop
}

function Get-Moment($Time) {
    if ($null -eq $Time) { return '' }
    $Time.ToUniversalTime().ToString('o', [Globalization.CultureInfo]::InvariantCulture)
}

# This very process: its number may be another one's by now.
function Find-Process([string]$One) {
    $number, $started = $One -split '@', 2
    $process = Get-CimInstance -ClassName Win32_Process -Filter ('ProcessId=' + [long]$number)
    if ($null -ne $process -and (Get-Moment $process.CreationDate) -ceq $started) { $process }
}

# What Windows answers; 0 where it has ended by itself meanwhile, as a child does whose parent was ended. To the end of
# one that is gone Windows answers by an error.
function Stop-One([string]$One) {
    $process = Find-Process $One
    if ($null -eq $process) { return [long]0 }
    try {
        $done = Invoke-CimMethod -InputObject $process -MethodName Terminate -Arguments @{ Reason = [uint32]1 }
    } catch {
        if ($null -eq (Find-Process $One)) { return [long]0 }
        Write-Error -ErrorRecord $_ -ErrorAction Stop
    }
    if ($done.ReturnValue -ne 0 -and $null -eq (Find-Process $One)) { return [long]0 }
    [long]$done.ReturnValue
}

if ($Name -notmatch '^[A-Za-z0-9._-]{1,200}$') { throw 'A service has letters, digits, dots, dashes and _ only.' }
$filter = "Name='" + $Name + "'"
$service = Get-CimInstance -ClassName Win32_Service -Filter $filter
$code = [long]0
if ($null -ne $service) {
    if ($service.StartMode -ne 'Disabled') {
        $done = Invoke-CimMethod -InputObject $service -MethodName Change -Arguments @{ StartMode = 'Disabled' }
        # 16: it is marked for deletion, so nothing starts it again either.
        if ($done.ReturnValue -ne 16) { Confirm-Done ('a change of the service ' + $Name) $done.ReturnValue }
    }
    # 5: it cannot take that now, as when it is still starting; it is asked again by whoever wants it stopped.
    if ($Kill.Count -eq 0 -and $service.State -ne 'Stopped' -and $service.State -ne 'Stop Pending') {
        $code = [long](Invoke-CimMethod -InputObject $service -MethodName StopService).ReturnValue
        if ($code -eq 2) { Confirm-Done ('stopping the service ' + $Name) $code }
        if ($code -eq 6) { $code = [long]0 } # it has ended meanwhile
    }
}
# One that cannot be ended keeps none of the others.
$what = ''
foreach ($one in $Kill) {
    $said = Stop-One $one
    if ($code -eq 0 -and $said -ne 0) { $code = $said; $what = 'ending process ' + $one }
}
if ($what -ne '' -and @(2, 3) -contains $code) { Confirm-Done $what $code }
$service = Get-CimInstance -ClassName Win32_Service -Filter $filter
$state = 'gone'
if ($null -ne $service) { $state = [string]$service.State }
[pscustomobject]@{ code = $code; state = [string]$state }
