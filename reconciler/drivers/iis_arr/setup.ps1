# Sets up farms, rewrite rules and maps of one environment in an IIS with ARR, once, by an administrator, in one commit.
# Run again it makes them anew where they differ, and leaves weights and routing alone. Users get 502 or 503 until the
# reconciler has written for the first time. `reconcile gateway ENV` prints this with the plan in it.
# safe to repeat: yes
[CmdletBinding()]
param([string]$Plan = '')
$ErrorActionPreference = 'Stop'

#@ plan

$said = ConvertFrom-Json -InputObject $Plan
$inetsrv = [IO.Path]::Combine($env:windir, 'System32', 'inetsrv')
[void][Reflection.Assembly]::LoadFrom([IO.Path]::Combine($inetsrv, 'Microsoft.Web.Administration.dll'))
$manager = New-Object Microsoft.Web.Administration.ServerManager
$configuration = $manager.GetApplicationHostConfiguration()

function Find-One($Collection, [string]$Attribute, [string]$Value) {
    foreach ($one in $Collection) {
        if ([string]$one.GetAttributeValue($Attribute) -eq $Value) { return $one }
    }
}

# The one that is there, or a new one.
function Get-One($Collection, [string]$Tag, [string]$Attribute, [string]$Value) {
    $found = Find-One $Collection $Attribute $Value
    if ($null -eq $found) {
        $found = $Collection.CreateElement($Tag)
        $found.SetAttributeValue($Attribute, $Value)
        [void]$Collection.Add($found)
    }
    $found
}

if ($null -eq $manager.get_Sites()[$said.site]) { throw ('There is no site ' + $said.site + ' there; make it first.') }

# ---- names by which a farm tells two servers on one host apart ----

$hosts = [IO.Path]::Combine($env:windir, 'System32', 'drivers', 'etc', 'hosts')
$known = @([IO.File]::ReadAllLines($hosts))
foreach ($farm in $said.farms) {
    foreach ($server in $farm.servers) {
        if ($server.address -eq $server.host) { continue }
        $numbers = @([Net.Dns]::GetHostAddresses($server.host))
        # This machine's own name leads to a link-local number first, at which a service need not listen.
        $number = @(@($numbers | Where-Object { $_.AddressFamily -eq 'InterNetwork' }) + $numbers)[0]
        $line = '' + $number + ' ' + $server.address
        if ($known -notcontains $line) {
            $known = @($known | Where-Object { (-split $_)[1] -ne $server.address }) + $line
            [IO.File]::WriteAllLines($hosts, [string[]]$known)
        }
    }
}

# ---- farms ----

$proxy = $configuration.GetSection('system.webServer/proxy')
# Both are of the whole machine: the proxy is on, and members get the host name that users have typed; so do those behind
# another site of this IIS that is a proxy.
foreach ($name in @('enabled', 'preserveHostHeader')) {
    if (-not [bool]$proxy.GetAttributeValue($name)) { $proxy.SetAttributeValue($name, $true) }
}
$farms = $configuration.GetSection('webFarms').GetCollection()
foreach ($farm in $said.farms) {
    $there = Get-One $farms 'webFarm' 'name' $farm.name
    $there.SetAttributeValue('enabled', $true)
    $arr = $there.GetChildElement('applicationRequestRouting')
    $arr.GetChildElement('loadBalancing').SetAttributeValue('algorithm', 'WeightedRoundRobin')
    $affinity = $arr.GetChildElement('affinity')
    $affinity.SetAttributeValue('useCookie', ($said.cookie -ne ''))
    if ($said.cookie -ne '') { $affinity.SetAttributeValue('cookieName', $said.cookie) }
    $arr.GetChildElement('healthCheck').SetAttributeValue('url', '')
    $servers = $there.GetCollection()
    $wanted = @($farm.servers | ForEach-Object { $_.address })
    foreach ($old in @($servers | Where-Object { $wanted -notcontains [string]$_.GetAttributeValue('address') })) {
        [void]$servers.Remove($old)
    }
    foreach ($server in $farm.servers) {
        $one = Find-One $servers 'address' $server.address
        if ($null -eq $one) {
            $one = $servers.CreateElement('server')
            $one.SetAttributeValue('address', $server.address)
            $one.SetAttributeValue('enabled', $false)
            $one.GetChildElement('applicationRequestRouting').SetAttributeValue('weight', 1)
            [void]$servers.Add($one)
        }
        $one.GetChildElement('applicationRequestRouting').SetAttributeValue('httpPort', [int]$server.port)
    }
}

# ---- maps: what forces a slot, and what is in force, is written by the reconciler ----

$maps = $configuration.GetSection('system.webServer/rewrite/rewriteMaps', $said.site).GetCollection()
$entries = (Get-One $maps 'rewriteMap' 'name' $said.map).GetCollection()
(Get-One $entries 'add' 'key' $said.setup).SetAttributeValue('value', $said.digest)
[void](Get-One $maps 'rewriteMap' 'name' $said.roads)

# ---- rules: of this site only, before its own, in the plan's order ----

$allowed = $configuration.GetSection('system.webServer/rewrite/allowedServerVariables', $said.site).GetCollection()
foreach ($name in $said.variables) { [void](Get-One $allowed 'add' 'name' $name) }

$rules = $configuration.GetSection('system.webServer/rewrite/rules', $said.site).GetCollection()
$ours = '^' + [regex]::Escape($said.map) + '\.'
foreach ($old in @($rules | Where-Object { [string]$_.GetAttributeValue('name') -match $ours })) { [void]$rules.Remove($old) }
$place = 0
foreach ($rule in $said.rules) {
    $one = $rules.CreateElement('rule')
    $one.SetAttributeValue('name', $rule.name)
    $one.SetAttributeValue('stopProcessing', $true)
    $one.GetChildElement('match').SetAttributeValue('url', $rule.url)
    $conditions = $one.GetCollection('conditions')
    foreach ($condition in $rule.conditions) {
        $new = $conditions.CreateElement('add')
        $new.SetAttributeValue('input', $condition.input)
        $new.SetAttributeValue('pattern', $condition.pattern)
        [void]$conditions.Add($new)
    }
    $variables = $one.GetCollection('serverVariables')
    foreach ($variable in $rule.set) {
        $new = $variables.CreateElement('set')
        $new.SetAttributeValue('name', $variable.name)
        $new.SetAttributeValue('value', $variable.value)
        [void]$variables.Add($new)
    }
    $action = $one.GetChildElement('action')
    $action.SetAttributeValue('type', $rule.type)
    $action.SetAttributeValue('url', $rule.to)
    $action.SetAttributeValue('appendQueryString', $false)
    if ($rule.type -eq 'Redirect') { $action.SetAttributeValue('redirectType', 'Found') }
    [void]$rules.AddAt($place, $one)
    $place += 1
}

$back = $configuration.GetSection('system.webServer/rewrite/outboundRules', $said.site).GetCollection()
$old = Find-One $back 'name' $said.outbound.name
if ($null -ne $old) { [void]$back.Remove($old) }
$one = $back.CreateElement('rule')
$one.SetAttributeValue('name', $said.outbound.name)
$match = $one.GetChildElement('match')
$match.SetAttributeValue('serverVariable', $said.outbound.variable)
$match.SetAttributeValue('pattern', '.*')
$conditions = $one.GetCollection('conditions')
$new = $conditions.CreateElement('add')
$new.SetAttributeValue('input', $said.outbound.input)
$new.SetAttributeValue('pattern', '.+')
[void]$conditions.Add($new)
$action = $one.GetChildElement('action')
$action.SetAttributeValue('type', 'Rewrite')
$action.SetAttributeValue('value', '{C:0}')
[void]$back.Add($one)

$manager.CommitChanges()
[pscustomobject]@{ site = [string]$said.site; setup = [string]$said.digest; rules = [int]$said.rules.Count }
