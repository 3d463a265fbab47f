-- snp_corpus.lua DIR: seeds for the targets of SEV-SNP formats, DIR/TARGET/SEED, of our own making:
-- reports, evidence, firmware, JSON; and, where openssl can make keys, certificates and chains.

local lfs = require "lfs"

local dir = assert(arg[1], "usage: lua5.4 snp_corpus.lua DIR")
local spec = arg[0]:match "^(.*)/fuzz/[^/]*$" or "."
package.path = spec .. "/?.lua;" .. package.path
local bytes = require "support.snp_bytes"
local certificates = require "support.certificates"
local firmware = require "support.firmware"

local function write(target, seeds)
  lfs.mkdir(dir .. "/" .. target)
  for name, content in pairs(seeds) do
    local file <close> = assert(io.open(("%s/%s/%s"):format(dir, target, name), "wb"))
    assert(file:write(content))
  end
end

local function hex(b)
  return (b:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local ALPHABET <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(b)
  local text = b:gsub("..?.?", function(three)
    local n = 0
    for i = 1, 3 do n = n << 8 | (three:byte(i) or 0) end
    local four = {}
    for i = 1, 4 do
      local digit = n >> 6 * (4 - i) & 63
      four[i] = i <= #three + 1 and ALPHABET:sub(digit + 1, digit + 1) or "="
    end
    return table.concat(four)
  end)
  return text
end

-- ---- reports, and what they come in ------------------------------------------------------------

local reports = {}
for version = 2, 5 do reports["report" .. version] = bytes.report(version) end
write("snp_report", reports)

local report = bytes.report(5)
local vcek, ask, ark = bytes.certificate "SEV-VCEK", bytes.certificate "SEV-Turin",
  bytes.certificate "ARK-Turin"
local table_of = bytes.table_of { { "vcek", vcek }, { "ask", ask }, { "ark", ark },
  { "crl", bytes.crl() }, { "platform", ("<I4I4"):pack(8, 0x00b00f21) }, { "other", "x" } }
local evidence = {
  report = report, table = table_of, extended = report .. table_of,
  hcl = bytes.hcl(report, '{"keys":[]}'),
  response = ("<I4I4"):pack(0, 1184) .. ("\0"):rep(24) .. report,
  der = vcek .. ask .. ark, crl = bytes.crl(), hex = hex(bytes.report(2)),
  base64 = base64(bytes.report(3)), json = '{"version":1}',
  pem = ("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"):format(base64(ask)),
}
write("snp_evidence", evidence)

-- ---- firmware: the first byte says how it is measured ------------------------------------------

local PLAIN <const>, EC2 <const>, KERNEL <const> = 0, 2, 8
local far = firmware.sections()
far[1].gpa = 0xfffff000
local images = {
  whole = firmware.image { size = firmware.PAGE },
  svsm = firmware.image { size = firmware.PAGE, svsm_entry = 16 },
  bare = firmware.image { size = firmware.PAGE, metadata = false, hashes = false },
  far = firmware.image { size = firmware.PAGE, sections = far },
  count = firmware.image { size = firmware.PAGE,
    metadata = firmware.metadata(firmware.sections(), 0xffffffff) },
}
local ovmf = {}
for name, image in pairs(images) do
  for _, how in ipairs { PLAIN, EC2, KERNEL, EC2 | KERNEL } do
    ovmf[("%s-%d"):format(name, how)] = string.char(how) .. image
  end
end
write("snp_ovmf", ovmf)

-- ---- signatures: the private key, the nonce, then the digest ------------------------------------

local signatures = {}
for _, key in ipairs { 0, 1, 2, 3, 129, 130 } do
  for _, nonce in ipairs { 0, 1, 2, 129 } do
    signatures[("%d-%d"):format(key, nonce)] = string.char(key, nonce) .. ("\171"):rep(48)
  end
end
write("snp_p384", signatures)

-- ---- JSON ---------------------------------------------------------------------------------------

local function bundle(members)
  return ('{"format":"kavach-evidence","version":1,"made_by":"a seed","report":"%s"%s}')
    :format(base64(report), members or "")
end

local signature = {}
for i = 1, 512 do signature[i] = tostring(i % 256) end
write("snp_json", {
  bundle = bundle(),
  whole = bundle((',"nonce":"%s","product":"Turin","simulated":true,"crl":"%s","certificates":'
    .. '{"vcek":"%s","ask":"%s","ark":"%s"}'):format(hex(report:sub(0x51, 0x90)),
    base64(bytes.crl()), base64(vcek), base64(ask), base64(ark))),
  twice = bundle ',"version":1', unknown = bundle ',"x":[1e999,NaN,-0,{"":null}]',
  deep = bundle(',"crl":' .. ("["):rep(120) .. ("]"):rep(120)),
  claims = ('{"report_version":2,"guest_svn":1,"policy":196608,"measurement":"%s","host_data":"%s",'
    .. '"id_key_digest":"%s","report_id":"%s","vmpl":0,"signature":[%s]}'):format(("ab"):rep(48),
    ("00"):rep(32), ("00"):rep(48), ("cd"):rep(32), table.concat(signature, ",")),
  text = [[{ "a" : "\ud83d\ude00\u0000\n", "b": [ true, null, 1.5e-3, -9223372036854775808 ]}]],
})

-- ---- certificates, and chains that verify ------------------------------------------------------

if not certificates.setup() then
  io.stderr:write "snp_corpus: no openssl, so no seeds for snp_certificate and snp_verify\n"
  return
end

local spki = { ark = certificates.key("ark", certificates.RSA), vek = certificates.key("vek",
  certificates.P384) }
spki.ask = certificates.key("ask", certificates.RSA)

local function make(subject, issuer, signer, key, extensions)
  return certificates.certificate {
    subject = subject, issuer = issuer, signer = signer, spki = spki[key], extensions = extensions,
  }
end

local authority = certificates.authority()
local good = {
  ark = make("ARK-Milan", "ARK-Milan", "ark", "ark", authority),
  ask = make("SEV-Milan", "ARK-Milan", "ark", "ask", authority),
  asvk = make("SEV-VLEK-Milan", "ARK-Milan", "ark", "ask", authority),
  vcek = make("SEV-VCEK", "SEV-Milan", "ask", "vek", certificates.vcek_extensions()),
  vlek = make("SEV-VLEK", "SEV-VLEK-Milan", "ask", "vek", certificates.vcek_extensions {
    ["4"] = false, ["5"] = "\x16\4CN=x" }),
  crl = certificates.crl { issuer = "ARK-Milan", signer = "ark", serials = { "\5", "\7" } },
}
write("snp_certificate", good)

local NOW <const> = ("<I4"):pack(1800000000)
local REPORT <const>, CRL <const>, HELD_CRL <const>, POOL <const>, ROOT <const> = 0, 7, 8, 9, 10
local ROLES <const> = { vcek = 1, vlek = 2, ask = 3, asvk = 4, ark = 5 }

local function pieces(list)
  for i, piece in ipairs(list) do list[i] = ("<Bs2"):pack(piece[1], piece[2]) end
  return table.concat(list)
end

local function signed(changes)
  changes[0x50] = NOW
  return { REPORT, certificates.report("vek", changes) }
end

local vlek_report = signed { [0x048] = "\4", [0x1a0] = ("\0"):rep(64) }
local root, vcek_report = { ROOT, good.ark }, signed {}
local function given(...)
  local list = { root, ... }
  for i, role in ipairs(list) do
    if type(role) == "string" then list[i] = { ROLES[role], good[role] } end
  end
  return pieces(list)
end
write("snp_verify", {
  vcek = given(vcek_report, "vcek", "ask", "ark"), vlek = given(vlek_report, "vlek", "asvk", "ark"),
  crl = given(vcek_report, "vcek", "ask", "ark", { CRL, good.crl }, { HELD_CRL, good.crl }),
  pool = given(vcek_report, "vcek", { POOL, good.ask }, { 6, good.ark }),
  bare = pieces { vcek_report }, swapped = given(vlek_report, "vcek", "asvk", "ark", "ask"),
  masked = given(signed { [0x048] = "\2" }, "vcek", "ask", "ark"),
  v5 = given(signed { [0x000] = "\5", [0x188] = "\x19\x01\x01" }, "vcek", "ask", "ark"),
})
certificates.teardown()
