-- snp_corpus.lua DIR: seeds for snp_report and snp_evidence, of our own making. LUA_PATH must have
-- spec/?.lua.

local dir = assert(arg[1], "usage: lua5.4 snp_corpus.lua DIR")
local bytes = require "support.snp_bytes"

local report = bytes.report(5)
local vcek, ask, ark = bytes.certificate "SEV-VCEK", bytes.certificate "SEV-Turin",
  bytes.certificate "ARK-Turin"
local table_of = bytes.table_of { { "vcek", vcek }, { "ask", ask }, { "ark", ark },
  { "crl", bytes.crl() }, { "platform", ("<I4I4"):pack(8, 0x00b00f21) }, { "other", "x" } }

local function hex(b)
  return (b:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local seeds = {
  table = table_of, extended = report .. table_of, hcl = bytes.hcl(report, '{"keys":[]}'),
  response = ("<I4I4"):pack(0, 1184) .. string.rep("\0", 24) .. report, der = vcek .. ask .. ark,
  crl = bytes.crl(), hex = hex(bytes.report(2)),
  pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", json = '{"version":1}',
}
for version = 2, 5 do seeds["report" .. version] = bytes.report(version) end
for name, content in pairs(seeds) do
  local file = assert(io.open(("%s/%s"):format(dir, name), "wb"))
  file:write(content)
  file:close()
end
