# Says who answers here: the computer, the user, the version of PowerShell, and the clock in UTC. Changes nothing.
# safe to repeat: yes
[CmdletBinding()]
param()

$culture = [Globalization.CultureInfo]::InvariantCulture
[pscustomobject]@{
    computer   = [Environment]::MachineName
    user       = [Security.Principal.WindowsIdentity]::GetCurrent().Name
    powershell = $PSVersionTable.PSVersion.ToString()
    clock      = [DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ss.fffZ', $culture)
}
