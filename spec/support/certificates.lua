--- Certificates, revocation lists and reports in AMD's formats, under keys made for a test: written
--- byte by byte, so that each can be wrong in any way. openssl makes keys and signatures.

local M = {}

-- ---- DER ---------------------------------------------------------------------------------------

---@param tag integer
---@param ... string the content
function M.der(tag, ...)
  local content = table.concat { ... }
  local size = #content
  if size < 0x80 then return string.char(tag, size) .. content end
  local length = ""
  while size > 0 do length, size = string.char(size & 0xff) .. length, size >> 8 end
  return string.char(tag, 0x80 | #length) .. length .. content
end
local der = M.der

function M.sequence(...) return der(0x30, ...) end
local sequence = M.sequence

function M.integer(n) return der(2, n < 128 and string.char(n) or string.pack(">I2", n)) end

--- An object identifier from dotted decimal.
function M.oid(text)
  local numbers = {}
  for n in text:gmatch "%d+" do numbers[#numbers + 1] = math.tointeger(n) end
  local content = { string.char(numbers[1] * 40 + numbers[2]) }
  for i = 3, #numbers do
    local n, bytes = numbers[i], ""
    repeat
      bytes, n = string.char((n & 0x7f) | (bytes == "" and 0 or 0x80)) .. bytes, n >> 7
    until n == 0
    content[#content + 1] = bytes
  end
  return der(6, table.concat(content))
end
local oid = M.oid

function M.rdn(id, text) return der(0x31, sequence(oid(id), der(0x0c, text))) end

--- A name as AMD's are, but shorter.
function M.name(cn)
  return sequence(M.rdn("2.5.4.11", "Engineering"), M.rdn("2.5.4.6", "US"), M.rdn("2.5.4.3", cn))
end

function M.time(seconds) return der(0x18, os.date("!%Y%m%d%H%M%SZ", seconds)) end

function M.extension(id, content, critical)
  return sequence(oid(id), critical and der(1, "\xff") or "", der(4, content))
end
local extension = M.extension

M.AMD = "1.3.6.1.4.1.3704.1."

--- RSASSA-PSS with SHA-384 and this length of the salt.
function M.pss(salt)
  local sha384 = sequence(oid "2.16.840.1.101.3.4.2.2", der(5))
  return sequence(oid "1.2.840.113549.1.1.10", sequence(der(0xa0, sha384),
    der(0xa1, sequence(oid "1.2.840.113549.1.1.8", sha384)), der(0xa2, der(2, string.char(salt)))))
end
M.PSS = M.pss(48)
M.PKCS1 = sequence(oid "1.2.840.113549.1.1.12", der(5))

-- ---- keys and signatures -----------------------------------------------------------------------

local folder

local function run(command)
  local p <close> = assert(io.popen(("cd '%s' && %s"):format(folder, command)))
  return p:read "a"
end

local function write(name, bytes)
  local f <close> = assert(io.open(folder .. "/" .. name, "wb"))
  f:write(bytes)
end

--- False: there is no openssl.
function M.setup()
  if not os.execute "openssl version >/dev/null 2>&1" then return false end
  folder = os.tmpname()
  os.remove(folder)
  assert(os.execute(("mkdir -m 700 '%s'"):format(folder)))
  return true
end

function M.teardown()
  if folder then os.execute(("rm -rf '%s'"):format(folder)) end
end

--- Makes a key; its SubjectPublicKeyInfo.
---@param name string
---@param options string of openssl genpkey
function M.key(name, options)
  run(("openssl genpkey %s -out %s.pem 2>/dev/null"):format(options, name))
  return run(("openssl pkey -in %s.pem -pubout -outform DER"):format(name))
end

M.RSA, M.P384 = "-algorithm RSA -pkeyopt rsa_keygen_bits:4096",
  "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"

--- Signs with an RSA key; `salt` nil: PKCS #1 v1.5.
function M.sign(key, bytes, salt)
  write("bytes", bytes)
  local pss = salt and "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:" .. salt or ""
  return run(("openssl dgst -sha384 -sign %s.pem %s bytes"):format(key, pss))
end

--- Signs with an EC key: r and s, little-endian, 72 bytes each.
function M.sign_report(key, bytes)
  local signature = M.sign(key, bytes)
  local function scalar(at)
    local size = signature:byte(at + 1)
    local number = signature:sub(at + 2, at + 1 + size):gsub("^\0+", ""):reverse()
    return number .. ("\0"):rep(72 - #number), at + 2 + size
  end
  local r, at = scalar(3)
  return r .. (scalar(at))
end

-- ---- the structures ----------------------------------------------------------------------------

local function signed(tbs, o)
  local algorithm = o.outer_algorithm or o.algorithm or M.PSS
  local salt = 48
  if o.salt ~= nil then salt = o.salt or nil end
  return sequence(tbs, algorithm, der(3, "\0", M.sign(o.signer, tbs, salt))) .. (o.after or "")
end

--- A certificate: subject, issuer (common names), spki, extensions (a list), signer (a key's name);
--- from, to, serial, algorithm, outer_algorithm, salt, version, subject_name, after.
function M.certificate(o)
  return signed(sequence(der(0xa0, der(2, string.char((o.version or 3) - 1))),
    der(2, o.serial or "\1"), o.algorithm or M.PSS, M.name(o.issuer),
    sequence(M.time(o.from or 1700000000), M.time(o.to or 1900000000)),
    o.subject_name or M.name(o.subject), o.spki,
    der(0xa3, sequence(table.concat(o.extensions)))), o)
end

--- A revocation list: issuer, signer, serials (of what is revoked), from, to, extensions.
function M.crl(o)
  local entries = {}
  for i, serial in ipairs(o.serials or {}) do
    entries[i] = sequence(der(2, serial), M.time(1700000000))
  end
  return signed(sequence(M.integer(1), o.algorithm or M.PSS, M.name(o.issuer),
    M.time(o.from or 1700000000), M.time(o.to or 1900000000),
    #entries > 0 and sequence(table.concat(entries)) or "",
    o.extensions and der(0xa0, sequence(table.concat(o.extensions))) or ""), o)
end

--- What makes an authority: basicConstraints and keyUsage.
function M.authority(o)
  o = o or {}
  return {
    extension("2.5.29.19", sequence(o.ca == false and "" or der(1, "\xff"), o.path or ""), true),
    extension("2.5.29.15", der(3, o.usage or "\1\6"), true),
  }
end

--- AMD's extensions of a VCEK of a Milan. Each may be replaced, or left out with false.
function M.vcek_extensions(changes)
  local values = {
    ["1"] = "\2\1\0", ["2"] = "\x16\5Milan", ["3.1"] = "\2\1\3", ["3.2"] = "\2\1\0",
    ["3.3"] = "\2\1\8", ["3.8"] = "\2\2\0\xd2", ["4"] = ("\x5a"):rep(64),
  }
  for id, value in pairs(changes or {}) do values[id] = value end
  local list = {}
  for _, id in ipairs { "1", "2", "3.1", "3.2", "3.3", "3.4", "3.8", "3.9", "4", "5" } do
    if values[id] then list[#list + 1] = extension(M.AMD .. id, values[id]) end
  end
  return list
end

--- A report of version 2 that such a certificate is for, signed. `changes`: offset -> bytes.
function M.report(key, changes)
  local tcb = string.char(3, 0, 0, 0, 0, 0, 8, 0xd2)
  local fields = {
    [0x000] = "\2", [0x008] = string.pack("<I8", 0x30000), [0x034] = "\1", [0x038] = tcb,
    [0x180] = tcb, [0x1a0] = ("\x5a"):rep(64), [0x1e0] = tcb, [0x1f0] = tcb,
  }
  for offset, bytes in pairs(changes or {}) do fields[offset] = bytes end
  local report = ("\0"):rep(0x2a0)
  for offset, bytes in pairs(fields) do
    report = report:sub(1, offset) .. bytes .. report:sub(offset + #bytes + 1)
  end
  return report .. M.sign_report(key, report) .. ("\0"):rep(0x170)
end

return M
