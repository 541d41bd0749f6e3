# Says no where the files of a release are not there, naming what is missing. Changes nothing.
# By hand: .\release.ps1 -Path D:\releases\portal\1.4.2
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Path
)

$folder = [IO.DirectoryInfo]::new($Path)
if (-not $folder.Exists) { throw ('The release is not there: expected the folder ' + $Path + '; put the files there.') }
if ($folder.Attributes -band [IO.FileAttributes]::ReparsePoint) {
    throw ($Path + ' is a link to somewhere else; a release must lie there itself.')
}
if (-not [IO.File]::Exists([IO.Path]::Combine($Path, 'web.config'))) {
    throw ('There is no web.config in ' + $Path + ', by which IIS would know what to run; put it there.')
}
[pscustomobject]@{ path = [string]$Path }
