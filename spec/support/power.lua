--- What a disk has after a power loss. strace tells all that a program does to the files below a
--- folder; of that follows what is on the disk for certain at any moment, and what may be there.
---
--- Certain is what the standard promises, and no more, whatever file systems do beyond it today
--- or fdatasync(), and a folder the names that it had before its own. Of what came later each write
--- may be there, or not, or in part, by sectors; of changes of names in a folder the first ones, in
--- whose order all file systems with a journal have them.

local assert = require "luassert"
local host = require "support.host"
local lfs = require "lfs"
local process = require "kavach.process"

local M = {}

local CALLS <const> = "open,openat,creat,write,writev,pwrite64,pwritev,ftruncate,fsync,fdatasync,"
  .. "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,"
  .. "copy_file_range,sendfile,splice,fallocate,truncate"
local LONGEST <const>, SECTOR <const>, PATIENCE_MS <const> = 1 << 20, 512, 60000

-- ---- what was done ----------------------------------------------------------------------------

local function decoded(hex)
  return (hex:gsub("\\x(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- The arguments of a call: texts decoded, paths of descriptors for these, numbers and flags as they
-- are. All text is in hexadecimal, so no comma is part of it.
local function arguments(list)
  local out = {}
  for word in (list .. ", "):gmatch "(.-), " do
    local text, path = word:match '^"(.*)"$', word:match "^[%w_-]+<(.*)>$"
    out[#out + 1] = decoded(text or path or word)
  end
  return out
end

-- The calls of a trace that came to a good end, in this order: { name, arguments, result }.
local function calls(trace)
  local begun, out = {}, {}
  for line in trace:gmatch "[^\n]+" do
    local pid, rest = line:match "^(%d+) +(.*)$"
    local first = rest and rest:match "^(.*) <unfinished %.%.%.>$"
    if first then
      begun[pid] = first
    elseif rest then
      local more = rest:match "^<%.%.%. [%w_]+ resumed>(.*)$"
      if more then rest = (begun[pid] or "") .. more end
      local name, list, result = rest:match "^([%w_]+)%((.*)%) += (%d+)"
      if name then out[#out + 1] = { name, arguments(list), tonumber(result) } end
    end
  end
  return out
end

-- What they did below the folder, and what was written to the file that is the program's output.
local function steps(trace, folder, output)
  local list, at = {}, {}
  local function below(path) return path and path:sub(1, #folder) == folder end
  local function add(step)
    if below(step.path) then list[#list + 1] = step end
  end
  for _, call in ipairs(calls(trace)) do
    local name, a, result = call[1], call[2], call[3]
    if name == "write" and a[1] == output then
      list[#list + 1] = { "said", text = a[2]:sub(1, result) }
    elseif name == "openat" then
      local reads = not (a[3]:find "O_WRONLY" or a[3]:find "O_RDWR")
      assert.is_true(reads or a[2]:sub(1, 1) == "/" or not below(a[1]), "in a folder: " .. a[2])
      if below(a[2]) then at[a[2]] = a[3]:find "O_APPEND" and "end" or 0 end
      if a[3]:find "O_CREAT" then add { "make", path = a[2] } end
      if a[3]:find "O_TRUNC" then add { "cut", path = a[2], size = 0 } end
    elseif name == "write" then
      local where = at[a[1]]
      add { "write", path = a[1], at = where, data = a[2]:sub(1, result) }
      if math.type(where) == "integer" then at[a[1]] = where + result end
    elseif name == "pwrite64" then
      add { "write", path = a[1], at = tonumber(a[4]), data = a[2]:sub(1, result) }
    elseif name == "ftruncate" then
      add { "cut", path = a[1], size = tonumber(a[2]) }
    elseif name == "fsync" or name == "fdatasync" then
      add { "sync", path = a[1] }
    elseif name == "rename" then
      add { "move", path = a[1], to = a[2] }
    elseif name == "unlink" or name == "rmdir" then
      add { "remove", path = a[1] }
    elseif name == "unlinkat" then
      local absolute = a[2]:sub(1, 1) == "/"
      add { "remove", path = absolute and a[2] or a[1] .. "/" .. a[2] }
    elseif name == "mkdir" then
      add { "folder", path = a[1] }
    else -- none of what kavach does: it would have to be understood here first
      assert.is_false(below(a[1]) or below(a[2]), name .. " of " .. a[1] .. ", " .. a[2])
    end
  end
  return list
end

--- Why nothing can be traced here; nil if it can.
---@return string?
function M.refusal()
  local r, why = process.exec { "strace", "-qq", "-o", "/dev/null", "true" }
  if r and r.exit_code == 0 then return nil end
  return tostring(why or r.stderr)
end

--- Runs a program, and has all noted that it does below a folder.
---@param words string[]
---@param options table of kavach.process.exec
---@param folder string
---@return integer exit_code
---@return table steps each with its kind first
function M.record(words, options, folder)
  local place, remove = host.folder()
  local trace, output = place .. "/trace", place .. "/output"
  -- LeakSanitizer traces, too, which only one may; the supervisor, which has no environment, says
  -- that it could not.
  local line = { "env", "ASAN_OPTIONS=detect_leaks=0",
    "strace", "-f", "-qq", "-y", "-xx", "-s", tostring(LONGEST), "-e", "trace=" .. CALLS,
    "-o", trace, "--", "sh", "-c", 'exec "$0" "$@" >' .. output, table.unpack(words) }
  options.timeout_ms = PATIENCE_MS
  local r = assert(process.exec(line, options))
  local list = steps(host.slurp(trace) or "", folder, output)
  remove()
  return r.exit_code, list
end

-- ---- a disk -----------------------------------------------------------------------------------

local Disk = {}
Disk.__index = Disk

-- A file or a folder: what it has for certain, and what has been done to it since.
local function new_file() return { certain = "", since = {} } end
local function new_folder() return { folder = true, certain = {}, since = {}, now = {} } end

local function load(path)
  if lfs.symlinkattributes(path, "mode") ~= "directory" then
    return { certain = host.slurp(path), since = {} }
  end
  local node = new_folder()
  for _, name in ipairs(host.names(path)) do
    node.now[name] = load(path .. "/" .. name)
    node.certain[name] = node.now[name]
  end
  return node
end

--- A disk that has what a folder has at this moment, for certain.
---@param root string
function M.disk(root)
  return setmetatable({ root = root, top = load(root) }, Disk)
end

-- What is at a path at this moment; the folder that it is in, and its name there.
local function find(self, path)
  local node, parent, name = self.top, nil, nil
  for part in path:sub(#self.root + 1):gmatch "[^/]+" do
    if not node then return nil end
    parent, name, node = node, part, node.now[part]
  end
  return node, parent, name
end

local function change(parent, names)
  table.insert(parent.since, names)
  for name, node in pairs(names) do parent.now[name] = node or nil end
end

local function written(content, step)
  if step[1] == "cut" then
    return content:sub(1, step.size) .. ("\0"):rep(step.size - #content)
  end
  local at = step.at == "end" and #content or step.at
  return content:sub(1, at) .. ("\0"):rep(at - #content) .. step.data
    .. content:sub(at + #step.data + 1)
end

local function all_of(file)
  local content = file.certain
  for _, step in ipairs(file.since) do content = written(content, step) end
  return content
end

local function sync(node)
  if node.folder then
    node.certain = {}
    for name, child in pairs(node.now) do node.certain[name] = child end
  else
    node.certain = all_of(node)
  end
  node.since = {}
end

--- Does what a program did.
---@param step table
function Disk:apply(step)
  local kind = step[1]
  local node, parent, name = find(self, step.path)
  if kind == "make" or kind == "folder" then
    if not node then change(parent, { [name] = kind == "make" and new_file() or new_folder() }) end
  elseif kind == "remove" then
    if node then change(parent, { [name] = false }) end
  elseif kind == "move" then
    local _, into, other = find(self, step.to)
    if into == parent then
      change(parent, { [name] = false, [other] = node })
    else
      change(into, { [other] = node })
      change(parent, { [name] = false })
    end
  elseif kind == "sync" then
    if node then sync(node) end
  elseif node then -- or it has no name any more
    table.insert(node.since, step)
  end
end

-- Some sectors of a write.
local function torn(step, chance)
  local parts = {}
  for from = 0, #step.data - 1, SECTOR do
    if chance() then
      parts[#parts + 1] = { "write", at = step.at + from, data = step.data:sub(from + 1,
        from + SECTOR) }
    end
  end
  return parts
end

local function some_of(file, chance)
  local content = file.certain
  for _, step in ipairs(file.since) do
    local parts = { step }
    if step[1] == "write" and step.at ~= "end" then
      parts = chance() and parts or torn(step, chance)
    elseif not chance() then
      parts = {}
    end
    for _, part in ipairs(parts) do content = written(content, part) end
  end
  return content
end

local function put(node, path, chance)
  if not node.folder then
    host.write(path, chance and some_of(node, chance) or node.certain)
    return
  end
  lfs.mkdir(path)
  local names = {}
  for name, child in pairs(node.certain) do names[name] = child end
  for _, changed in ipairs(node.since) do
    if not chance or not chance() then break end
    for name, child in pairs(changed) do names[name] = child or nil end
  end
  for name, child in pairs(names) do put(child, path .. "/" .. name, chance) end
end

--- Makes the folder what it is after a power loss at this moment.
---@param chance? fun(): boolean whether one of the things is there that may be; none of them
function Disk:restore(chance)
  os.execute(("rm -rf '%s'"):format(self.root))
  put(self.top, self.root, chance)
  os.execute(("chmod -R go= '%s'"):format(self.root))
end

return M
