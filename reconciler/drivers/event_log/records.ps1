# Says where event logs stand, and which errors and warnings came after a record of each, by source and id, counted.
# Of an event only source, id, level, number and time are read: what it says may hold secrets. Changes nothing.
# By hand: .\records.ps1 -Logs Application -After 120
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string[]]$Logs,
    [Parameter(Mandatory = $true)][long[]]$After, # for each log the last record that was read; -1: none is to be read
    [int]$Most = 1000                             # records of a log at once; the rest is for the next time
)

function Read-Log([string]$Log, [string]$Query, [bool]$Newest, [int]$Count) {
    $asked = [Diagnostics.Eventing.Reader.EventLogQuery]::new($Log, 'LogName', $Query)
    $asked.ReverseDirection = $Newest
    $reader = [Diagnostics.Eventing.Reader.EventLogReader]::new($asked)
    try {
        for ($taken = 0; $taken -lt $Count; $taken += 1) {
            $record = $reader.ReadEvent()
            if ($null -eq $record) { break }
            $record
        }
    } finally { $reader.Dispose() }
}

function Get-Moment($Time) {
    if ($null -eq $Time) { return '' }
    $Time.ToUniversalTime().ToString('o', [Globalization.CultureInfo]::InvariantCulture)
}

function Get-Stand([string]$Log, [long]$After, [int]$Most) {
    $settings = [Diagnostics.Eventing.Reader.EventLogConfiguration]::new($Log)
    if (-not $settings.IsEnabled) { throw ('The event log ' + $Log + ' is switched off there.') }

    # What is newer than this is for the next time: the log goes on while it is read.
    $newest = Read-Log $Log '*' $true 1
    $upto = [long]0
    $written = ''
    if ($null -ne $newest -and $null -eq $newest.RecordId) {
        Write-Error -Message ('The newest record of ' + $Log + ' tells no number.') -ErrorAction Stop
    }
    if ($null -ne $newest) { $upto = [long]$newest.RecordId; $written = Get-Moment $newest.TimeCreated }
    $stands = $upto

    $groups = [ordered]@{}
    if ($After -ge 0 -and $upto -gt $After) {
        $level = '(Level=1 or Level=2 or Level=3)'
        $query = "*[System[$level and (EventRecordID > $After) and (EventRecordID <= $upto)]]"
        $found = @(Read-Log $Log $query $false $Most)
        foreach ($record in $found) {
            $name = '' + $record.Level + '|' + $record.Id + '|' + $record.ProviderName
            if (-not $groups.Contains($name)) {
                $groups[$name] = [pscustomobject]@{
                    level = [int]$record.Level; source = [string]$record.ProviderName; id = [long]$record.Id
                    times = 0; record = [long]$record.RecordId; at = Get-Moment $record.TimeCreated
                }
            }
            $groups[$name].times += 1
        }
        if ($found.Count -ge $Most) {
            $upto = [long]$found[-1].RecordId
            $written = Get-Moment $found[-1].TimeCreated
        }
    }

    # Looked at last: what was overwritten while it was read is told, too.
    $anchor = ''
    if ($After -gt 0) {
        $same = Read-Log $Log "*[System[(EventRecordID=$After)]]" $false 1
        if ($null -ne $same) { $anchor = Get-Moment $same.TimeCreated }
    }
    $session = [Diagnostics.Eventing.Reader.EventLogSession]::GlobalSession
    $about = $session.GetLogInformation($Log, 'LogName')
    $oldest = [long]0
    if ($null -ne $about.OldestRecordNumber) { $oldest = [long]$about.OldestRecordNumber }
    [pscustomobject]@{
        log = [string]$Log; newest = $stands; upto = $upto; written = $written; oldest = $oldest
        empty = [bool]($null -eq $newest); created = [string](Get-Moment $about.CreationTime); anchor = $anchor
        groups = @($groups.Values)
    }
}

if ($Logs.Count -ne $After.Count) { throw 'Logs and After must be equally many.' }
$stands = @()
for ($number = 0; $number -lt $Logs.Count; $number += 1) {
    try {
        $stands += Get-Stand $Logs[$number] $After[$number] $Most
    } catch [UnauthorizedAccessException] {
        throw ('The event log ' + $Logs[$number] + ' may not be read; the user must be in Event Log Readers there.')
    } catch [Diagnostics.Eventing.Reader.EventLogNotFoundException] {
        throw ('There is no event log ' + $Logs[$number] + ' there.')
    }
}
[pscustomobject]@{ logs = $stands }
