--- Small firmware images for specs, and a second implementation of launch digests to compare with:
--- written from the formats alone, with `openssl dgst` for the hashing.

local M = {}

M.PAGE = 4096

-- ---- images ------------------------------------------------------------------------------------

--- A GUID as it lies in firmware: the first three groups byte-swapped.
local function guid(text)
  local a, b, c, d, e = text:match "^(%x+)-(%x+)-(%x+)-(%x+)-(%x+)$"
  local tail = (d .. e):gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end)
  return string.pack("<I4I2I2", tonumber(a, 16), tonumber(b, 16), tonumber(c, 16)) .. tail
end
M.guid = guid

M.RESET = "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
M.METADATA = "dc886566-984a-4798-a75e-5585a7bf67cc"
M.HASHES = "7255371f-3a3b-4b04-927b-1da6efa8d454"
M.SVSM = "a789a612-0597-4c4b-a49f-cbb1fe9d1ddd"
M.FOOTER = "96b582de-1fb2-45f7-baea-a366c55a082d"

--- Entry of the footer table: data, size, GUID.
function M.entry(id, data, size)
  return data .. string.pack("<I2", size or #data + 18) .. guid(id)
end

--- Puts `text` at `at` (from 0) in place of what is there.
function M.patched(bytes, at, text)
  return bytes:sub(1, at) .. text .. bytes:sub(at + #text + 1)
end

function M.metadata(sections, count, version, size)
  local out = {}
  for i, s in ipairs(sections) do out[i] = string.pack("<I4I4I4", s.gpa, s.size, s.type) end
  local body = table.concat(out)
  return "ASEV" .. string.pack("<I4I4I4", size or 16 + #body, version or 1, count or #sections)
    .. body
end

--- The sections that an AmdSev firmware has, in small.
function M.sections()
  return {
    { gpa = 0x800000, size = 0x2000, type = 1 }, { gpa = 0x80d000, size = 0x1000, type = 2 },
    { gpa = 0x80e000, size = 0x1000, type = 3 }, { gpa = 0x80f000, size = 0x1000, type = 4 },
    { gpa = 0x810000, size = 0x1000, type = 0x10 }, { gpa = 0x811000, size = 0x1000, type = 1 },
  }
end

--- The entries' bytes, before the footer.
local function entries(o, offset)
  local out = {}
  if o.reset_eip ~= false then
    out[#out + 1] = M.entry(M.RESET, string.pack("<I4", o.reset_eip or 0x80b004))
  end
  out[#out + 1] = M.entry("e47a6535-984a-4798-865e-4685a7bf8ec2", "\1\2\3\4") -- TDX: not ours
  if o.hashes ~= false then
    local area = o.hashes or { 0x810c00, 0x400 }
    out[#out + 1] = M.entry(M.HASHES, string.pack("<I4I4", area[1], area[2]))
  end
  if o.svsm_entry then out[#out + 1] = M.entry(M.SVSM, string.pack("<I4", o.svsm_entry)) end
  if o.metadata ~= false then
    out[#out + 1] = M.entry(M.METADATA, string.pack("<I4", o.metadata_offset or offset))
  end
  out[#out + 1] = o.more
  return table.concat(out)
end

--- An image. `o`: size, sections, reset_eip, hashes ({ gpa, size }), svsm_entry, more (bytes of
--- further entries), metadata (its bytes), metadata_offset, footer_size; `false` leaves a part out.
function M.image(o)
  o = o or {}
  local size = o.size or 3 * M.PAGE
  local metadata = o.metadata or M.metadata(o.sections or M.sections())
  local table_size = #entries(o, 0) + 18
  local after = metadata .. entries(o, #metadata + table_size + 32)
    .. M.entry(M.FOOTER, "", o.footer_size or table_size) .. ("\0"):rep(32)
  local body = {}
  for i = 1, size - #after do body[i] = string.char(i * 7 % 251) end
  return table.concat(body) .. after
end

-- ---- the second implementation -----------------------------------------------------------------

local function openssl(algorithm, bytes)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  local pipe = assert(io.popen(("openssl dgst -%s -binary %s"):format(algorithm, path)))
  local digest = pipe:read "a"
  pipe:close()
  os.remove(path)
  return digest
end
function M.sha256(bytes) return openssl("sha256", bytes) end
function M.sha384(bytes) return openssl("sha384", bytes) end

local NORMAL <const>, VMSA <const> = 1, 2

--- The digest after these pages: { type=, gpa=, bytes= (of types 1 and 2) }.
function M.digest(pages, seed)
  local ld = seed or ("\0"):rep(48)
  local seen = {}
  for _, page in ipairs(pages) do
    local contents = ("\0"):rep(48)
    if page.bytes then
      seen[page.bytes] = seen[page.bytes] or M.sha384(page.bytes)
      contents = seen[page.bytes]
    end
    ld = M.sha384(ld .. contents .. string.pack("<I2BBBBBBI8", 0x70, page.type, 0, 0, 0, 0, 0,
      page.gpa))
  end
  return ld
end

--- The pages of an image below 4 GiB, or from `gpa` on.
function M.image_pages(image, gpa)
  local pages = {}
  gpa = gpa or (1 << 32) - #image
  for at = 0, #image - 1, M.PAGE do
    pages[#pages + 1] = { type = NORMAL, gpa = gpa + at, bytes = image:sub(at + 1, at + M.PAGE) }
  end
  return pages
end

--- The table of kernel hashes.
function M.hash_table(kernel, initrd, append)
  local function entry(id, bytes) return guid(id) .. string.pack("<I2", 50) .. M.sha256(bytes) end
  return guid "9438d606-4f22-4cc9-b479-a793d411fd21" .. string.pack("<I2", 0xa8)
    .. entry("97d02dd8-bd20-4c94-aa78-e7714d36ab2a", append .. "\0")
    .. entry("44baf731-3a2f-4bd7-9af1-41e29169781d", initrd)
    .. entry("4de79437-abd2-427f-b835-d5b172d2045b", kernel) .. ("\0"):rep(8)
end

--- A page of zeros with these: { offset, format of string.pack, values… }.
function M.page(fields)
  local page = ("\0"):rep(M.PAGE)
  for _, f in ipairs(fields) do
    page = M.patched(page, f[1], string.pack("<" .. f[2], table.unpack(f, 3)))
  end
  return page
end

--- A CPU's save area as the VMM sets it up; `o`: vmm, eip, sig, features.
function M.vmsa(o)
  local ec2, qemu = o.vmm == "ec2", o.vmm == "QEMU"
  local bsp = o.eip == 0xfffffff0
  local SEG <const> = "I2I2I4I8"
  return M.page {
    { 0x00, SEG, 0, 0x93, 0xffff, 0 }, { 0x30, SEG, 0, 0x93, 0xffff, 0 },
    { 0x10, SEG, 0xf000, ec2 and bsp and 0x9a or 0x9b, 0xffff, o.eip & 0xffff0000 },
    { 0x20, SEG, 0, ec2 and 0x92 or 0x93, 0xffff, 0 },
    { 0x40, SEG, 0, 0x93, 0xffff, 0 }, { 0x50, SEG, 0, 0x93, 0xffff, 0 },
    { 0x60, SEG, 0, 0, 0xffff, 0 }, { 0x70, SEG, 0, 0x82, 0xffff, 0 },
    { 0x80, SEG, 0, 0, 0xffff, 0 }, { 0x90, SEG, 0, ec2 and 0x83 or 0x8b, 0xffff, 0 },
    { 0xd0, "I8", 0x1000 }, { 0x148, "I8", 0x40 }, { 0x158, "I8", 0x10 }, { 0x160, "I8", 0x400 },
    { 0x168, "I8", 0xffff0ff0 }, { 0x170, "I8", 2 }, { 0x178, "I8", o.eip & 0xffff },
    { 0x268, "I8", o.vmm == "gce" and 0x70106 or 0x7040600070406 },
    { 0x310, "I8", qemu and o.sig or 0x600 }, { 0x3b0, "I8", o.features }, { 0x3e8, "I8", 1 },
    { 0x408, "I4", qemu and 0x1f80 or 0 }, { 0x410, "I2", qemu and 0x37f or 0 },
  }
end

--- One that begins in an SVSM.
function M.svsm_vmsa(rip, sig)
  local SEG <const> = "I2I2I4I8"
  return M.page {
    { 0x00, SEG, 0x10, 0xc93, 0xffffffff, 0 }, { 0x10, SEG, 8, 0xc9b, 0xffffffff, 0 },
    { 0x20, SEG, 0x10, 0xc93, 0xffffffff, 0 }, { 0x30, SEG, 0x10, 0xc93, 0xffffffff, 0 },
    { 0x40, SEG, 0x10, 0xc93, 0xffffffff, 0 }, { 0x50, SEG, 0, 0x93, 0xffff, 0 },
    { 0x60, SEG, 0, 0, 0xffff, 0 }, { 0x70, SEG, 0, 0x82, 0xffff, 0 },
    { 0x80, SEG, 0, 0, 0xffff, 0 }, { 0x90, SEG, 0, 0x8b, 0xffff, 0 },
    { 0xd0, "I8", 0x1000 }, { 0x148, "I8", 0x40 }, { 0x158, "I8", 0x11 }, { 0x160, "I8", 0x400 },
    { 0x168, "I8", 0xffff0ff0 }, { 0x170, "I8", 2 }, { 0x178, "I8", rip },
    { 0x268, "I8", 0x7040600070406 }, { 0x310, "I8", sig }, { 0x3b0, "I8", 1 },
    { 0x3e8, "I8", 1 }, { 0x408, "I4", 0x1f80 },
  }
end

local VMSA_GPA <const> = 0xfffffffff000

--- Appends the CPUs' pages to a list of pages.
function M.add_cpus(pages, first, others, count)
  for i = 1, count do
    pages[#pages + 1] = { type = VMSA, gpa = VMSA_GPA, bytes = i == 1 and first or others }
  end
  return pages
end

return M
