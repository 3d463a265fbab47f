-- Of the guest: its image, and whether its kernel and QEMU go together.

local core = require "kavach.core"
local row = require "kavach.doctor.row"

local M = {}

local BUILD <const> = {
  command = "cmake --build build --target kavach_guest",
  advice = "it downloads the package of Debian's kernel; or set KAVACH_KERNEL and KAVACH_INITRD to "
    .. "files of your own",
}

-- What did not survive hundreds of boots under TCG. `qemu` and `kernel` are patterns for versions.
local BAD_PAIRS <const> = {
  {
    qemu = "^7%.2%f[%D]", kernel = "^6%.12%f[%D]",
    why = "at least 6 of 24 boots under TCG failed, with oopses in the guest's kernel",
    advice = "use QEMU 10 with this kernel, or a kernel of the 6.1 series with this QEMU",
  },
}

-- The build leaves a manifest beside the kernel that it made.
local function read_manifest(kernel)
  local folder, name = kernel:match "^(.*)/([^/]*)$"
  if name ~= "vmlinux" and name ~= "bzImage" then return nil end
  local file <close> = core.file_open(folder .. "/manifest.json")
  local text = file and file:read "a"
  local manifest = text and require("kavach.json").decode(text)
  if type(manifest) ~= "table" or type(manifest.kernel_release) ~= "string" then return nil end
  return manifest, tostring(manifest[name:lower() .. "_sha256"])
end

-- A bzImage says its release itself: boot.rst of the kernel, kernel_version at 0x20E.
local function release_of_bzimage(kernel)
  local file <close> = core.file_open(kernel)
  local head = file and file:read(0x210) or ""
  if head:sub(0x203, 0x206) ~= "HdrS" then return nil end
  local at = string.unpack("<I2", head, 0x20F)
  if at == 0 or not file:seek("set", at + 0x200) then return nil end
  return (file:read(128) or ""):match "^(%d[%w.+~-]*)"
end

local function is_about(why, path) return why and why.path == path end

---@param seen kavach.doctor.seen
function M.kernel(seen)
  local files = seen.found_files
  if is_about(seen.image_error, files.kernel) then
    return row.missing(seen.image_error.message, BUILD)
  end
  local manifest, sum = read_manifest(files.kernel)
  seen.manifest = manifest
  seen.release = manifest and manifest.kernel_release or release_of_bzimage(files.kernel)
  local found = ("Linux %s, %s"):format(seen.release or "of an unknown release", files.kernel)
  if manifest then
    found = ("%s (package %s %s, sha256 %s)"):format(found, tostring(manifest.kernel_package),
      tostring(manifest.kernel_package_version), sum)
  end
  return row.ok(found)
end

---@param seen kavach.doctor.seen
function M.image(seen)
  local files = seen.found_files
  if is_about(seen.image_error, files.initrd) then
    return row.missing(seen.image_error.message, BUILD)
  end
  if seen.image_ok then seen.files = files end
  local beside = seen.manifest and files.initrd:match "^(.*)/" == files.kernel:match "^(.*)/"
  return row.ok(beside and ("%s (busybox %s, sha256 %s)"):format(files.initrd,
    tostring(seen.manifest.busybox_version), tostring(seen.manifest.initramfs_sha256))
    or files.initrd)
end

---Host and agent speak one version of the wire; a build makes both.
---@param seen kavach.doctor.seen
function M.agent(seen)
  local found = seen.manifest and seen.manifest.agent_version
  if type(found) ~= "string" then
    return row.warning("the image does not say which agent it has",
      { advice = "if a sandbox says that versions differ, build the image again" })
  end
  local text = ("version %s, this is kavach %s"):format(found, core.version)
  if found == core.version then return row.ok(text) end
  return row.warning(text, { command = BUILD.command })
end

---@param seen kavach.doctor.seen
function M.pair(seen)
  if not seen.qemu_version or not seen.release then
    return row.ok "nothing is known about this QEMU with this kernel"
  end
  local names = ("QEMU %s with Linux %s"):format(seen.qemu_version, seen.release)
  for _, pair in ipairs(BAD_PAIRS) do
    if seen.qemu_version:find(pair.qemu) and seen.release:find(pair.kernel) then
      return row.warning(("%s: %s"):format(names, pair.why), { advice = pair.advice })
    end
  end
  return row.ok(names .. ": no failures are known")
end

return M
