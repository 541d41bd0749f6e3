<#
.SYNOPSIS
Lets Windows run the loop of `reconcile` from the start of the machine on, with nobody logged on; or takes that back.

.DESCRIPTION
Needs an elevated PowerShell, Windows Server 2016 or newer. `reconcile service install` runs it; by hand:

  .\task.ps1 -Name reconciler -Python C:\reconciler\Scripts\python.exe -Config C:\ProgramData\reconciler\reconciler.toml
  .\task.ps1 -Name reconciler -Show
  .\task.ps1 -Name reconciler -Remove

-WhatIf shows what would be done.

.PARAMETER Account
SYSTEM; or a managed service account, DOMAIN\name$, which has no password that anybody knows; or any other account: you
are asked for its password, which goes to Windows and nowhere else. It needs the right to log on as a batch job.
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [Parameter(Mandatory = $true)] [string] $Name,
    [string] $Python,
    [string] $Config,
    [string] $Account = 'SYSTEM',
    [switch] $Show,
    [switch] $Remove
)

$ErrorActionPreference = 'Stop'

if ($Show) {
    $task = Get-ScheduledTask -TaskName $Name -ErrorAction SilentlyContinue
    if ($null -eq $task) { '{}'; exit 0 }
    $info = $task | Get-ScheduledTaskInfo
    [pscustomobject]@{ state = "$($task.State)"; account = $task.Principal.UserId; lastResult = $info.LastTaskResult } |
        ConvertTo-Json -Compress
    exit 0
}

if ($Remove) {
    # The loop itself is asked to end before this, by `reconcile service stop`: what is ended here was ended there.
    if ($PSCmdlet.ShouldProcess($Name, 'Unregister-ScheduledTask')) {
        Stop-ScheduledTask -TaskName $Name -ErrorAction SilentlyContinue
        Unregister-ScheduledTask -TaskName $Name -Confirm:$false
    }
    exit 0
}

foreach ($file in @($Python, $Config)) {
    if (-not [System.IO.Path]::IsPathRooted($file)) { throw "'$file': expected a whole path, such as C:\folder\file" }
    if (-not (Test-Path -LiteralPath $file -PathType Leaf)) { throw "'$file' is not there" }
}

# A Windows path holds no quotation mark, so nothing in it can end the argument. -P: no module from the current folder.
$arguments = '-P -m reconciler --config "{0}" service run' -f $Config
$action = New-ScheduledTaskAction -Execute $Python -Argument $arguments -WorkingDirectory (Split-Path -Parent $Config)
$trigger = New-ScheduledTaskTrigger -AtStartup

# No end after three days, and none because somebody pulls the plug of a laptop. A second one never starts beside the
# first. Restarts are for the case that Windows ends it; when the loop itself fails, `service run` begins it again.
# Priority 4 is normal; without it a task gets 7, below everything else, and little of the disk.
$settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -StartWhenAvailable `
    -MultipleInstances IgnoreNew -RestartCount 255 -RestartInterval (New-TimeSpan -Minutes 1) `
    -ExecutionTimeLimit ([TimeSpan]::Zero) -Priority 4

$task = @{ TaskName = $Name; Action = $action; Trigger = $trigger; Settings = $settings; Force = $true }
$task.Description = "reconcile run, by $Config"
if ($Account -eq 'SYSTEM') {
    $task.Principal = New-ScheduledTaskPrincipal -UserId 'SYSTEM' -LogonType ServiceAccount -RunLevel Highest
} elseif ($Account.EndsWith('$')) {
    # Windows itself knows the password of a managed service account.
    $task.Principal = New-ScheduledTaskPrincipal -UserId $Account -LogonType Password -RunLevel Highest
} else {
    # With a password it can reach shares and other machines; without one (S4U) it could not.
    $credential = Get-Credential -UserName $Account -Message "For the task '$Name'"
    $task.User = $Account
    $task.Password = $credential.GetNetworkCredential().Password
    $task.RunLevel = 'Highest'
}

if ($PSCmdlet.ShouldProcess($Name, "Register-ScheduledTask: $Python $arguments, as $Account")) {
    Register-ScheduledTask @task | Out-Null
    Start-ScheduledTask -TaskName $Name
}
