--- A root file system for a guest, of a busybox and little else, as a folder and as images.

local lfs = require "lfs"

local M = {}

local APPLETS <const> = "sh cat id ls mount touch mkdir dd df pwd grep"

local function run(line) return assert(os.execute(line)) end

local function exists(path) return lfs.attributes(path) ~= nil end

local function find(...)
  for _, path in ipairs { ... } do
    if exists(path) then return path end
  end
end

---Makes it below the folder, and gives back its path.
---@param folder string
---@return string
function M.make(folder)
  local root = folder .. "/root"
  local busybox = assert(find("/usr/bin/busybox", "/bin/busybox"), "there is no busybox-static")
  run(("mkdir -p '%s/bin' '%s/etc' '%s/home'"):format(root, root, root))
  run(("cp '%s' '%s/bin/busybox'"):format(busybox, root))
  run(("cd '%s/bin' && for a in %s; do ln -s busybox $a; done"):format(root, APPLETS))
  for name, text in pairs {
    passwd = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home:/bin/sh\n",
    group = "root:x:0:\nstaff:x:50:ann\n", mark = "of the root\n",
  } do
    local file = assert(io.open(root .. "/etc/" .. name, "wb"))
    file:write(text)
    file:close()
  end
  -- Links that would lead out of it, if anything followed them from outside.
  run(("cd '%s' && ln -s ../../../../../../etc up && ln -s /etc abs && ln -s /proc/1/root one")
    :format(root))
  return root
end

---A squashfs image of a folder; nil if there is no tool to make one.
---@param root string
---@param path string
---@return string?
function M.squashfs(root, path)
  local tool = find("/usr/bin/mksquashfs", "/usr/sbin/mksquashfs")
  if not tool then return nil end
  run(("%s '%s' '%s' -noappend -quiet >/dev/null"):format(tool, root, path))
  return path
end

---An ext4 image of a folder; nil if there is no tool to make one.
---@param root string
---@param path string
---@return string?
function M.ext4(root, path)
  local tool = find("/usr/sbin/mke2fs", "/sbin/mke2fs")
  if not tool then return nil end
  run(("truncate -s 16M '%s' && %s -q -t ext4 -d '%s' '%s'"):format(path, tool, root, path))
  return path
end

---Wraps a raw image of up to 256 MiB into a qcow2 one, with clusters of 64 KiB. Layout:
---docs/interop/qcow2.txt of QEMU. Header, reference counts' table and block, first and second level
---of the map, then the data: a cluster each, the data one behind the other.
---@param raw string path
---@param path string
---@return string
function M.qcow2(raw, path)
  local CLUSTER <const>, COPIED <const> = 65536, 1 << 63
  local source = assert(io.open(raw, "rb"))
  local bytes = source:read "a"
  source:close()
  local count = (#bytes + CLUSTER - 1) // CLUSTER
  assert(count <= CLUSTER // 8 and count + 5 <= CLUSTER // 2)
  local function cluster(text) return text .. ("\0"):rep(-#text % CLUSTER) end
  local map = {}
  for i = 1, count do map[i] = string.pack(">I8", (i + 4) * CLUSTER | COPIED) end
  local file = assert(io.open(path, "wb"))
  file:write(
    cluster("QFI\xfb" .. string.pack(">I4I8I4I4I8I4I4I8I8I4I4I8", 2, 0, 0, 16, count * CLUSTER, 0,
      1, 3 * CLUSTER, CLUSTER, 1, 0, 0)),
    cluster(string.pack(">I8", 2 * CLUSTER)),
    cluster(string.pack(">I2", 1):rep(count + 5)),
    cluster(string.pack(">I8", 4 * CLUSTER | COPIED)),
    cluster(table.concat(map)),
    cluster(bytes))
  file:close()
  return path
end

return M
