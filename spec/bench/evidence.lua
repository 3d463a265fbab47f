--- Evidence for the benchmarks of verification: a Milan's chain and a report, under keys made for
--- them, as files in a folder.

local support = require "support"

local spec = debug.getinfo(1, "S").source:match "^@(.*)/bench/[^/]*$" or "spec"
package.path = ("%s;%s/?.lua"):format(package.path, spec)
package.loaded.support = support -- not the folder of the specs
local certificates = require "support.certificates"

local M = {}

M.NOW = 1800000000

local VEKS <const> = 64

local function write(path, bytes)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(bytes))
end

---@param folder string
---@return table evidence for a verifier of kavach.snp; `root`, its ARK; `veks`, other certificates
--- of the same VCEK
function M.make(folder)
  assert(certificates.setup(), "there is no openssl to make certificates with")
  local ark = certificates.key("ark", certificates.RSA)
  local ask = certificates.key("ask", certificates.RSA)
  local vek = certificates.key("vek", certificates.P384)
  local function certificate(subject, issuer, signer, spki, extensions, serial)
    return certificates.certificate {
      subject = subject, issuer = issuer, signer = signer, spki = spki, extensions = extensions,
      serial = serial,
    }
  end
  local function vcek(serial)
    return certificate("SEV-VCEK", "SEV-Milan", "ask", vek, certificates.vcek_extensions(), serial)
  end
  local files = {
    ark = certificate("ARK-Milan", "ARK-Milan", "ark", ark, certificates.authority()),
    ask = certificate("SEV-Milan", "ARK-Milan", "ark", ask, certificates.authority()),
    vcek = vcek(),
  }
  local veks = {}
  for i = 1, VEKS do veks[i] = vcek("\1" .. string.char(i)) end
  local report = certificates.report "vek"
  certificates.teardown()
  write(folder .. "/report.bin", report)
  local list = {}
  for _, role in ipairs { "vcek", "ask", "ark" } do
    write(("%s/%s.der"):format(folder, role), files[role])
    list[#list + 1] = { role = role, der = files[role] }
  end
  return { report = report, certificates = list, now = M.NOW, root = files.ark, veks = veks }
end

return M
