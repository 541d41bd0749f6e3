# Replaces small files of ours, one after the other, each as a whole and on the disk before it counts. A file that holds
# neither what was expected nor the new text was changed by somebody else: then nothing more is written.
# By hand: .\service_files.ps1 -Files C:\x.json -Expected '' -Texts '{}'
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string[]]$Files,
    [Parameter(Mandatory = $true)][AllowEmptyString()][string[]]$Expected, # empty: there is none; *: whatever it holds
    [Parameter(Mandatory = $true)][string[]]$Texts
)

function Stop-At([string]$Path, [Exception]$Problem) {
    $base = $Problem.GetBaseException()
    $category = 'WriteError'
    if ($base -is [UnauthorizedAccessException]) { $category = 'PermissionDenied' }
    $text = '{0}: {1} (0x{2:X8})' -f $Path, $base.Message.Trim(), $base.HResult
    Write-Error -Message $text -Category $category -ErrorAction Stop
}

function Read-Small([string]$File) {
    try {
        [IO.File]::ReadAllText($File)
    } catch [IO.FileNotFoundException], [IO.DirectoryNotFoundException] {
        ''
    }
}

# A program that looks into it just now may keep Windows from replacing it: that lasts for a moment.
function Save-Whole([string]$File, [string]$Text) {
    [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($File))
    $draft = $File + '.' + [Guid]::NewGuid().ToString('N')
    $bytes = [Text.Encoding]::UTF8.GetBytes($Text)
    $stream = [IO.File]::Open($draft, 'CreateNew', 'Write', 'None')
    try { $stream.Write($bytes, 0, $bytes.Length); $stream.Flush($true) } finally { $stream.Dispose() }
    for ($try = 1; $true; $try += 1) {
        try {
            if ([IO.File]::Exists($File)) {
                [IO.File]::Replace($draft, $File, [NullString]::Value)
            } else {
                [IO.File]::Move($draft, $File)
            }
            return
        } catch {
            if ($try -ge 40) {
                [IO.File]::Delete($draft)
                Stop-At $File $_.Exception
            }
            Start-Sleep -Milliseconds 25
        }
    }
}

if ($Files.Count -ne $Texts.Count -or $Files.Count -ne $Expected.Count) {
    throw 'Files, Expected and Texts must be equally many.'
}
for ($number = 0; $number -lt $Files.Count; $number += 1) {
    $file = $Files[$number]
    try {
        $there = [string](Read-Small $file)
    } catch {
        Stop-At $file $_.Exception
    }
    if ($there -ceq $Texts[$number]) { continue }
    if ($Expected[$number] -cne '*' -and $there -cne $Expected[$number]) {
        throw ($file + ' was changed by somebody else meanwhile; nothing is written over it.')
    }
    try {
        Save-Whole $file $Texts[$number]
    } catch {
        Stop-At $file $_.Exception
    }
}
[pscustomobject]@{ written = [int]$Files.Count }
