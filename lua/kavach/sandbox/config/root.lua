-- Where the guest's root file system comes from: its own, a folder of the host, or an image.
--
-- Both are a read-only lower layer, which the host enforces: a share that QEMU exports read-only, a
-- disk that it opens read-only. What the guest writes goes to an overlay in its memory, or on the
-- disk of disk_mb, and is gone with it; with read_only_rootfs it cannot write.
--
-- Neither is part of what SEV-SNP measures, and the host can change either while the guest runs. So
-- both are refused there, unless allow_unmeasured = true.

local refusal = require "kavach.sandbox.config.refusal"

local M = {}

local function path(value)
  if value == "" or value:find("\0", 1, true) then return nil, "a path" end
  return value
end

M.options = {
  root = { type = "string", fn = path },
  image = { type = "string", fn = path },
  allow_unmeasured = { type = "boolean", default = false },
}

local function absolute(name)
  if name:sub(1, 1) == "/" then return name end
  return require("lfs").currentdir() .. "/" .. name
end

-- docs/interop/qcow2.txt of QEMU: the header.
local QCOW2_MAGIC <const> = "QFI\xfb"
local EXTERNAL_DATA_FILE <const> = 1 << 2 -- of incompatible_features

-- A qcow2 image names other files that belong to it, and whoever made the image chose the names:
-- any file of the host. So one with such names is refused.
local function check_qcow2(head)
  if #head < 72 then return nil, "a qcow2 image that is cut short" end
  local version, backing_offset = string.unpack(">I4I8", head, 5)
  if version ~= 2 and version ~= 3 then
    return nil, ("a qcow2 image of version %d; 2 and 3 are known"):format(version)
  end
  if backing_offset ~= 0 then
    return nil, "a qcow2 image with a backing file: flatten it (qemu-img convert)"
  end
  if string.unpack(">I4", head, 33) ~= 0 then return nil, "an encrypted qcow2 image" end
  local features = version == 3 and #head >= 80 and string.unpack(">I8", head, 73) or 0
  if features & EXTERNAL_DATA_FILE ~= 0 then
    return nil, "a qcow2 image with an external data file: flatten it (qemu-img convert)"
  end
  return "qcow2"
end

---The format of an image, by its own bytes; never left to QEMU, which would believe what a guest's
---owner wrote into a raw image.
---@param head string its first bytes: 2048, or all there are
---@return "raw"|"qcow2"|nil format
---@return string? what it is instead
function M.format(head)
  if head:sub(1, 4) == QCOW2_MAGIC then return check_qcow2(head) end
  -- core/guest/disk.c knows the same two.
  if head:sub(1, 4) == "hsqs" or head:sub(1081, 1082) == "\x53\xef" then return "raw" end
  return nil, "no image of a known kind (squashfs, ext4 without partitions, or qcow2)"
end

local function check_image(checked)
  local file <close>, why = require("kavach.core").file_open(checked.image)
  if not file then return refusal("image", "cannot be opened: " .. why) end
  local head, unreadable = file:read(2048)
  if unreadable then
    return refusal("image", ("cannot be read: %s: %s"):format(checked.image, unreadable))
  end
  local format, what = M.format(head or "")
  if not format then return refusal("image", ("%s is %s"):format(checked.image, what)) end
  if not utf8.len(checked.image) then
    return refusal("image", "must have a path that is UTF-8: QEMU takes no other")
  end
  checked.image, checked.image_format = absolute(checked.image), format
  return true
end

function M.check(checked)
  if checked.root and checked.image then
    return refusal("root", "and image exclude each other: there is one root")
  end
  if checked.image then return check_image(checked) end
  if checked.root then
    local folder, why = io.open(checked.root .. "/.")
    if not folder then return refusal("root", "needs a folder: " .. why:gsub("/%.: ", ": ")) end
    folder:close()
    checked.root = absolute(checked.root)
  end
  return true
end

---Whether this backend can have it.
---@param checked table
---@param backend string
---@return boolean? true
---@return kavach.Error?
function M.check_backend(checked, backend)
  if backend ~= "sev-snp" or checked.allow_unmeasured then return true end
  for _, name in ipairs { "root", "image" } do
    if checked[name] then
      return refusal(name, "is refused with sev-snp, since no measurement covers it and the host "
        .. "can change it: leave it out, or set allow_unmeasured = true")
    end
  end
  return true
end

return M
