-- The firmware of SEV-SNP guests: an OVMF built as AmdSev, which has room for the hashes of kernel,
-- initramfs and command line, and checks them.

local config = require "kavach.sandbox.config"
local console = require "kavach.sandbox.console"
local core = require "kavach.core"

local ovmf = {}

local MOST <const> = 16 * 1024 * 1024 -- what QEMU takes as firmware
local KERNEL_HASHES <const> = 0x10 -- type of a section: core/snp/ovmf.h

-- Where Debian (ovmf-amdsev) and Fedora (edk2-ovmf) have it.
local PLACES <const> = { "/usr/share/ovmf/OVMF.amdsev.fd", "/usr/share/edk2/ovmf/OVMF.amdsev.fd" }

ovmf.INSTALL = "install one (Debian's package ovmf-amdsev has it as "
  .. "/usr/share/ovmf/OVMF.amdsev.fd), or set KAVACH_OVMF to the path of one"

---The path of the firmware, whether or not there is anything.
---@param option? string
---@return string
function ovmf.find(option)
  local given = option or os.getenv "KAVACH_OVMF"
  if given and given ~= "" then return config.absolute(given) end
  for _, path in ipairs(PLACES) do
    local file = core.file_open(path)
    if file then file:close() return path end
  end
  return PLACES[1]
end

---Whether an image can start SEV-SNP guests whose kernel is measured.
---@param bytes string
---@return string? why it cannot
function ovmf.unfit(bytes)
  local image, why = require("kavach.snp").ovmf_parse(bytes)
  if not image then return why end
  if not image.sections then return "it has no SEV metadata: it is no OVMF for SEV-SNP" end
  for _, section in ipairs(image.sections) do
    if section.type == KERNEL_HASHES and (image.hashes_gpa or 0) ~= 0 then return nil end
  end
  return "it has no room for kernel hashes: it is a plain OVMF, and an AmdSev build is needed"
end

---@param path string
---@return boolean? true
---@return string? why it cannot be used
function ovmf.check(path)
  local shown = console.printable(path)
  local file <close>, why = core.file_open(path)
  if not file then return nil, "OVMF: " .. console.printable(why) end
  local bytes, unreadable = file:read(MOST + 1)
  if not bytes then
    return nil, ("OVMF: %s: %s"):format(shown, unreadable or "the file is empty")
  end
  why = #bytes > MOST and "it is larger than what QEMU takes as firmware" or ovmf.unfit(bytes)
  if not why then return true end
  return nil, ("OVMF: %s: %s"):format(shown, why)
end

return ovmf
