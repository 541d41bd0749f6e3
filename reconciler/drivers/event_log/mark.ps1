# Keeps a few words under a key on this machine, where there are none under it yet, and says which are there now.
# The first ones count. They lie in %ProgramData%\reconciler\marks, and are removed after 30 days by whoever comes next.
# Without words it only looks, and changes nothing. By hand: .\mark.ps1 -Key shop-1a2b3c
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Key,
    [string]$Words = ''
)

if ($Key -notmatch '^[a-z0-9-]{1,100}$') { throw 'A key has small letters, digits and dashes only.' }
$folder = [IO.Path]::Combine($env:ProgramData, 'reconciler', 'marks')
$file = [IO.Path]::Combine($folder, $Key + '.mark')

if ($Words -ne '' -and -not [IO.File]::Exists($file)) {
    [void][IO.Directory]::CreateDirectory($folder)
    $old = [DateTime]::UtcNow.AddDays(-30)
    Get-ChildItem -LiteralPath $folder -File -Filter '*.mark*' |
        Where-Object { $_.LastWriteTimeUtc -lt $old } | Remove-Item -Force -ErrorAction SilentlyContinue
    # Whole and on the disk before it has its name, and never over another one.
    $draft = $file + '.' + [Guid]::NewGuid().ToString('N')
    $bytes = [Text.Encoding]::UTF8.GetBytes($Words)
    $stream = [IO.File]::Open($draft, 'CreateNew', 'Write', 'None')
    try { $stream.Write($bytes, 0, $bytes.Length); $stream.Flush($true) } finally { $stream.Dispose() }
    try { [IO.File]::Move($draft, $file) } catch [IO.IOException] { [IO.File]::Delete($draft) }
}

$there = ''
if ([IO.File]::Exists($file)) {
    if ([IO.FileInfo]::new($file).Length -gt 65536) { throw ($file + ' is no mark: it is too long.') }
    $there = [IO.File]::ReadAllText($file)
}
[pscustomobject]@{ file = [string]$file; words = [string]$there }
