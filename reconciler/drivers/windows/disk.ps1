# Says how much room is free on the drives on which folders lie; a folder need not be there yet. Changes nothing.
# By hand: .\disk.ps1 -Folders D:\releases\portal
# safe to repeat: yes
[CmdletBinding()]
param(
    [string[]]$Folders = @()
)

$drives = @()
foreach ($folder in $Folders) {
    $root = [IO.Path]::GetPathRoot($folder)
    $there = [bool]($root -match '^[A-Za-z]:\\$')
    if ($there) { $there = [IO.DriveInfo]::new($root).IsReady }
    $free = [long]0
    if ($there) { $free = [long][IO.DriveInfo]::new($root).AvailableFreeSpace }
    $drives += [pscustomobject]@{ folder = [string]$folder; drive = [string]$root; there = [bool]$there; free = $free }
}
[pscustomobject]@{ drives = @($drives) }
