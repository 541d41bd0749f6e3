# Looks at a share: can it be entered, can a file be written, read back and removed, and what is left in a folder of it.
# The file is removed by Windows itself when it is closed, also where this script, or the connection, is cut off.
# By hand: .\share.ps1 -Share \\files\drive -Probe probe.tmp -Queue outbox
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Share,
    [string]$Marker = '', # a file that lies in the real one
    [string]$Probe = '',  # the name of the file that is written; empty: none is
    [string]$Queue = '',  # the folder whose files are counted, at any depth; empty: none are
    [int]$Most = 10000    # files that are counted; more are as many
)

# An error of Windows' with the path that it is about, which it does not always say, and its number in every language.
function Stop-At([string]$Path, [Exception]$Problem) {
    $base = $Problem.GetBaseException()
    $category = 'ResourceUnavailable'
    if ($base -is [UnauthorizedAccessException]) { $category = 'PermissionDenied' }
    $text = '{0}: {1} (0x{2:X8})' -f $Path, $base.Message.Trim(), $base.HResult
    Write-Error -Message $text -Category $category -ErrorAction Stop
}

try {
    foreach ($entry in [IO.Directory]::EnumerateFileSystemEntries($Share)) { break }
} catch {
    Stop-At $Share $_.Exception
}
if ($Marker -ne '' -and -not [IO.File]::Exists([IO.Path]::Combine($Share, $Marker))) {
    throw ($Marker + ' is not in ' + $Share + '; is that the real one?')
}

if ($Probe -ne '') {
    $file = [IO.Path]::Combine($Share, $Probe)
    $sent = [Guid]::NewGuid().ToByteArray()
    $back = New-Object byte[] $sent.Length
    try {
        $stream = [IO.FileStream]::new($file, [IO.FileMode]::Create, [IO.FileAccess]::ReadWrite,
            [IO.FileShare]::None, 4096, [IO.FileOptions]::DeleteOnClose)
        try {
            $stream.Write($sent, 0, $sent.Length)
            $stream.Flush($true)
            $stream.Position = 0
            [void]$stream.Read($back, 0, $back.Length)
        } finally { $stream.Dispose() }
    } catch {
        Stop-At $file $_.Exception
    }
    if ([Convert]::ToBase64String($sent) -ne [Convert]::ToBase64String($back)) {
        throw ($file + ' does not hold what was written to it.')
    }
    if ([IO.File]::Exists($file)) { throw ($file + ' was written, and cannot be removed.') }
}

$left = 0
if ($Queue -ne '') {
    $folder = [IO.Path]::Combine($Share, $Queue)
    try {
        foreach ($file in [IO.Directory]::EnumerateFiles($folder, '*', [IO.SearchOption]::AllDirectories)) {
            $left += 1
            if ($left -ge $Most) { break }
        }
    } catch {
        Stop-At $folder $_.Exception
    }
}
[pscustomobject]@{ left = [int]$left; written = [bool]($Probe -ne '') }
