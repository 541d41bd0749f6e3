# The frame around every script of ours. It comes as -EncodedCommand; one line of JSON on standard input brings the
# script and its arguments, and one line with its answer goes out. Whatever else is put out is nobody's answer.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$call = ConvertFrom-Json -InputObject ([Console]::In.ReadLine())
try {
    Remove-TypeData -TypeName System.Array -ErrorAction SilentlyContinue
    $given = @{}
    foreach ($one in $call.arguments.PSObject.Properties) { $given[$one.Name] = $one.Value }
    $block = [scriptblock]::Create($call.script)
    $json = ConvertTo-Json -InputObject @{ answer = (& $block @given | Select-Object -Last 1) } -Depth 10 -Compress
} catch {
    $base = $_.Exception.GetBaseException()
    $no = @{ refused = $_.Exception.Message }
    if (-not $_.Exception.WasThrownFromThrowStatement) {
        $category = [string]$_.CategoryInfo.Category
        if ($base -is [UnauthorizedAccessException]) { $category = 'PermissionDenied' }
        $no = @{ error = $base.Message; category = $category; line = [int]$_.InvocationInfo.ScriptLineNumber }
    }
    $json = ConvertTo-Json -InputObject $no -Compress
}
$said = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($json))
[Console]::Out.WriteLine('reconciler:' + $call.operation + ':' + $said)
