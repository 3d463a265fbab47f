--- Evidence of our own making: reports, certificates as far as their form goes, tables.

local M = {}

M.REPORT_SIZE = 0x4a0

--- `bytes` with others at an offset.
function M.patch(bytes, offset, with)
  return bytes:sub(1, offset) .. with .. bytes:sub(offset + #with + 1)
end

--- A sound report, apart from its signature, with random bytes in every field that may have any.
--- `overrides`: bytes by offset.
function M.report(version, overrides)
  local r = string.rep("\0", M.REPORT_SIZE)
  local function put(offset, with) r = M.patch(r, offset, with) end
  put(0x000, ("<I4"):pack(version))
  put(0x004, M.random(4))
  put(0x008, ("<I8"):pack(0x20000 | math.random(0, 0xffff) | math.random(0, 1) << 16))
  put(0x010, M.random(32))
  put(0x030, ("<I4I4"):pack(math.random(0, 3), 1))
  put(0x040, M.random(1))
  put(0x048, ("<I4"):pack(math.random(0, 1) << 2 | 1)) -- author key
  put(0x050, M.random(0x180 - 0x050))
  for _, offset in ipairs { 0x038, 0x180, 0x1e0, 0x1f0 } do
    put(offset, M.random(2) .. "\0\0\0\0" .. M.random(2))
  end
  if version >= 3 then put(0x188, "\x19\x11" .. M.random(1)) end -- Genoa
  put(0x1a0, M.random(63) .. "\1")
  put(0x1e8, M.random(3))
  put(0x1ec, M.random(3))
  if version >= 5 then put(0x1f8, M.random(16)) end
  put(0x2a0, M.random(48))
  put(0x2e8, M.random(48))
  for offset, with in pairs(overrides or {}) do put(offset, with) end
  return r
end

function M.random(size)
  local bytes = {}
  for i = 1, size do bytes[i] = string.char(math.random(0, 255)) end
  return table.concat(bytes)
end

--- A DER element.
function M.der(tag, ...)
  local content = table.concat { ... }
  local length = #content
  local octets = length < 0x80 and string.char(length)
    or length < 0x100 and "\x81" .. string.char(length)
    or length < 0x10000 and "\x82" .. (">I2"):pack(length) or "\x83" .. (">I3"):pack(length)
  return string.char(tag) .. octets .. content
end

--- What has the form of a certificate with this common name; `filler` makes it longer.
function M.certificate(name, filler)
  local der = M.der
  local subject = der(0x30, der(0x31, der(0x30, der(0x06, "\x55\x04\x0a"), der(0x0c, "Nobody"))),
    der(0x31, der(0x30, der(0x06, "\x55\x04\x03"), der(0x0c, name))))
  return der(0x30, der(0x30, der(0xa0, der(0x02, "\2")), der(0x02, "\0"), der(0x30), der(0x30),
    der(0x30), subject, der(0x04, string.rep("x", filler or 200))), der(0x30), der(0x03, "\0sig"))
end

--- What has the form of a certificate revocation list.
function M.crl()
  local der = M.der
  return der(0x30, der(0x30, der(0x02, "\1"), der(0x30), der(0x30), der(0x17, "260101000000Z"),
    der(0x04, string.rep("x", 200))), der(0x30), der(0x03, "\0sig"))
end

M.GUIDS = {
  vcek = "63da758de6644564adc5f4b93be8accd", vlek = "a8074bc2a25a483eaae639c045a0b8a1",
  ask = "4ab7b379bbac4fe4a02f05aef327c782", ark = "c0b406a4a803495297433fb6014cd0ae",
  crl = "92f81bc358114d3d97ffd19f88dc67ea", platform = "ecae0c0f950243b1afa20ae2e0d565b6",
  other = "00112233445566778899aabbccddeeff",
}

local function bytes_of(hex)
  return (hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

--- A certificate table of a list of { guid name, bytes, offset=, length= (in place of the right
--- ones) }.
function M.table_of(list, tail)
  local header, blobs, at = {}, {}, (#list + 1) * 24
  for i, entry in ipairs(list) do
    header[i] = bytes_of(M.GUIDS[entry[1]])
      .. ("<I4I4"):pack(entry.offset or at, entry.length or #entry[2])
    blobs[i] = entry[2]
    at = at + #entry[2]
  end
  return table.concat(header) .. string.rep("\0", 24) .. table.concat(blobs) .. (tail or "")
end

--- An HCL blob of a report and runtime data; `fields` in place of the right ones.
function M.hcl(report, runtime, fields)
  fields = fields or {}
  local size = 32 + #report + 20 + #runtime
  return "HCLA"
    .. ("<I4I4I4I4"):pack(fields.version or 1, fields.size or size, 2, fields.status or 0)
    .. string.rep("\0", 12) .. report
    .. ("<I4I4I4I4I4"):pack(fields.all or 20 + #runtime, fields.runtime_version or 1,
      fields.type or 2, fields.hash or 1, fields.length or #runtime)
    .. runtime .. (fields.tail or string.rep("\0", 64))
end

return M
