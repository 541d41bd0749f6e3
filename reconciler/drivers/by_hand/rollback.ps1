#Requires -Version 7
# Goes back by hand, where no reconciler does: all traffic of one environment to one slot, in one write.
# It holds no secret, needs nothing but this machine, and may be run again. What it does not do it says.
# Ends with 0: it is so, and was read back. 1: it is not so. 2: refused, nothing was changed.
param([switch]$Yes, [switch]$Force)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

#@ values

function Stop-Refused([string]$Why) {
    [Console]::Error.WriteLine("REFUSED, nothing was changed: $Why")
    exit 2
}

function Stop-Failed([string]$Why) {
    [Console]::Error.WriteLine("NOT SO: $Why")
    exit 1
}

# The answer of a socket to a text; empty where nobody answers. Where: a path, or HOST:PORT.
function Send-Text([string]$Where, [string]$Text) {
    try {
        if ([IO.Path]::IsPathRooted($Where)) {
            $end = [Net.Sockets.UnixDomainSocketEndPoint]::new($Where)
            $socket = [Net.Sockets.Socket]::new('Unix', 'Stream', 'Unspecified')
            $socket.Connect($end)
        } else {
            $at = $Where.LastIndexOf(':')
            $socket = [Net.Sockets.Socket]::new('Stream', 'Tcp')
            $socket.Connect($Where.Substring(0, $at).Trim('[', ']'), [int]$Where.Substring($at + 1))
        }
        $socket.ReceiveTimeout = 5000
        [void]$socket.Send([Text.Encoding]::UTF8.GetBytes($Text))
        $stream = [Net.Sockets.NetworkStream]::new($socket, $true)
        return [IO.StreamReader]::new($stream).ReadToEnd()
    } catch {
        return ''
    }
}

function Get-Answer([string]$Where, [string]$Path) {
    return Send-Text $Where "GET $Path HTTP/1.1`r`nHost: by-hand`r`nConnection: close`r`n`r`n"
}

#@ product

$names = @([Net.Dns]::GetHostName()) + @([Net.Dns]::GetHostAddresses('') | ForEach-Object { $_.ToString() })
if ([Environment]::MachineName -ne $Machine.Split('.')[0] -and $names -notcontains $Machine) {
    Stop-Refused "this was written for the machine $Machine"
}
$state = Find-State
Write-Output $Title
Write-Output 'This goes where that says, whatever has become of it since.'
Write-Output "Now:  $($state.Now)"
Write-Output "Then: $Then, in one write, and marked as moved by hand."
$silent = @($Members -split "`n" | Where-Object { $_ -and (Get-Answer (-split $_)[1] $Ready) -notmatch '^HTTP/[0-9.]+ [1234]' })
if ($silent.Count) {
    Write-Output "These members of $To do not answer: $($silent -join ', ')"
    if ($Starts) { Write-Output "How they are started (docs/by-hand.md says it with an example):`n$Starts" }
    if (-not $Force) { Stop-Refused 'users would be led to a slot that does not answer; start what is missing, or: -Force' }
}
if ($Undone) { Write-Output "What this does NOT do:`n$Undone" }
if (-not $Yes -and (Read-Host 'Do it? Write yes') -ne 'yes') { Stop-Refused 'nobody said yes' }
if ($state.So) { Write-Output 'It is so already: nothing is written.' } else { Move-Traffic $state }
Confirm-Traffic $state
Write-Output "DONE: all traffic of $Environment goes to $To."
Write-Output "When a reconciler comes back it finds this, and stands still until a person has spoken: reconcile status $Environment says what to type."
Write-Output "That is: reconcile resume $Environment. Where it says AdoptionNeeded, also, in whichever order: reconcile adopt $Environment --stable $To"
exit 0
