# Installs the files beside this script, the folders with their access lists, the event source and the renewal task.
# Run it elevated. -Account is who provisions and so owns user keys: SYSTEM, NETWORK SERVICE, or DOMAIN\gmsa$.
#   .\install.ps1 [-Folder 'C:\Program Files\KeyGuard'] [-Account 'NT AUTHORITY\SYSTEM']
param(
  [string]$Folder = (Join-Path $env:ProgramFiles 'KeyGuard'),
  [string]$Account = 'NT AUTHORITY\SYSTEM'
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

$data = Join-Path ([Environment]::GetFolderPath('CommonApplicationData')) 'KeyGuard'
$state = Join-Path $data 'state'

# Program Files gives users no right to write, which is what keyguardctl checks before it loads anything.
New-Item -ItemType Directory -Force $Folder | Out-Null
foreach ($name in 'keyguardctl.exe', 'imds.dll', 'keyguard-pkcs11.dll', 'AttestationClientLib.dll') {
  $file = Join-Path $PSScriptRoot $name
  if (Test-Path $file) { Copy-Item -Force $file $Folder }
}

# %ProgramData% lets users make files: these folders take nothing over from it. SIDs: system, administrators, users.
foreach ($path in $data, $state) {
  New-Item -ItemType Directory -Force $path | Out-Null
  & icacls.exe $path /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' '*S-1-5-32-545:(OI)(CI)RX' | Out-Null
  if ($LASTEXITCODE -ne 0) { throw "icacls failed for $path" }
}
# Bindings are believed where nobody but the folder's owner may exchange them.
& icacls.exe $state /setowner $Account | Out-Null
if ($LASTEXITCODE -ne 0) { throw "icacls cannot make $Account the owner of $state" }
& icacls.exe $state /grant "${Account}:(OI)(CI)F" | Out-Null
if ($LASTEXITCODE -ne 0) { throw "icacls failed for $Account on $state" }
$conf = Join-Path $data 'keyguard.conf'
if (-not (Test-Path $conf)) { Copy-Item (Join-Path $PSScriptRoot 'keyguard.conf') $conf }

# EventCreate.exe's messages are the text that is logged.
$source = 'HKLM:\SYSTEM\CurrentControlSet\Services\EventLog\Application\KeyGuard'
New-Item -Force $source | Out-Null
New-ItemProperty -Force $source -Name EventMessageFile -PropertyType ExpandString -Value '%SystemRoot%\System32\EventCreate.exe' | Out-Null
New-ItemProperty -Force $source -Name TypesSupported -PropertyType DWord -Value 7 | Out-Null

$sid = (New-Object Security.Principal.NTAccount $Account).Translate([Security.Principal.SecurityIdentifier]).Value
$task = (Get-Content -Raw (Join-Path $PSScriptRoot 'keyguard-renew.xml')).Replace('@ACCOUNT@', $sid).Replace('@FOLDER@', $Folder)
Register-ScheduledTask -Force -TaskName 'KeyGuard renew' -Xml $task | Out-Null
Write-Output "installed in $Folder; configuration in $conf; renewal runs as $Account"
