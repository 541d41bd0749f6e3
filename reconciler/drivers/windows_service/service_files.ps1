# Replaces small files of ours, each as a whole and on the disk before it counts. A file that holds neither what was
# expected nor the new text was changed by somebody else: then nothing is written, or nothing more.
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
    } catch {
        Stop-At $File $_.Exception
    }
}

# Does it hold the new text already? What is neither that nor what was expected is not written over.
function Test-Done([int]$Number) {
    $there = [string](Read-Small $Files[$Number])
    if ($there -ceq $Texts[$Number]) { return $true }
    if ($Expected[$Number] -cne '*' -and $there -cne $Expected[$Number]) {
        $text = $Files[$Number] + ' was changed by somebody else; nothing is written over it.'
        Write-Error -Message $text -Category ResourceBusy -ErrorAction Stop
    }
    $false
}

function New-Draft([string]$File, [string]$Text) {
    $draft = $File + '.' + [Guid]::NewGuid().ToString('N')
    try {
        [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($File))
        $bytes = [Text.Encoding]::UTF8.GetBytes($Text)
        $stream = [IO.File]::Open($draft, 'CreateNew', 'Write', 'None')
        try { $stream.Write($bytes, 0, $bytes.Length); $stream.Flush($true) } finally { $stream.Dispose() }
    } catch {
        Stop-At $File $_.Exception
    }
    $draft
}

# A program that looks into it just now may keep Windows from replacing it: that lasts for a moment. What stands in it is
# looked at anew before each try: a person may have written it meanwhile.
function Save-Whole([int]$Number) {
    $file = $Files[$Number]
    $draft = New-Draft $file $Texts[$Number]
    try {
        for ($try = 1; -not (Test-Done $Number); $try += 1) {
            try {
                if ([IO.File]::Exists($file)) {
                    [IO.File]::Replace($draft, $file, [NullString]::Value)
                } else {
                    [IO.File]::Move($draft, $file)
                }
                return
            } catch {
                if ($try -ge 40) { Stop-At $file $_.Exception }
            }
            Start-Sleep -Milliseconds 25
        }
    } finally {
        if ([IO.File]::Exists($draft)) { [IO.File]::Delete($draft) }
    }
}

if ($Files.Count -ne $Texts.Count -or $Files.Count -ne $Expected.Count) {
    throw 'Files, Expected and Texts must be equally many.'
}
# One at a time on this machine: the script of a call that was cut off goes on for a while, and must not write its older
# text over a newer one.
$mutex = New-Object Threading.Mutex($false, 'Global\reconciler-services')
$held = $false
try {
    try { $held = $mutex.WaitOne(3000) } catch [Threading.AbandonedMutexException] { $held = $true }
    if (-not $held) {
        Write-Error -Message 'Another script writes the files of services there.' -Category ResourceBusy -ErrorAction Stop
    }
    $open = @(for ($number = 0; $number -lt $Files.Count; $number += 1) { if (-not (Test-Done $number)) { $number } })
    foreach ($number in $open) { Save-Whole $number }
} finally {
    if ($held) { $mutex.ReleaseMutex() }
    $mutex.Dispose()
}
[pscustomobject]@{ written = [int]$Files.Count }
