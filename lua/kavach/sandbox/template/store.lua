-- A template as it is kept, in the folder that place.lua names:
--
--   DIGEST/manifest.json   what it is of, and the sizes and digests of the two others
--   DIGEST/memory-N        the guest's memory: pages that are all zero are holes
--   DIGEST/state-N         the state of its devices, as QEMU writes it
--   DIGEST/bad             why it is not to be used, if so
--   DIGEST/good            one that was made again has been of use
--   DIGEST/checked         when, and of which files, the digests were last found right
--   DIGEST.lock            locked by whoever makes it
--   .new-DIGEST-N          what is being made
--   .old-DIGEST-N          what is being removed
--
-- DIGEST is that of the key (key.lua), which the manifest has in full. A template appears by one
-- rename, and N is another each time, so who has read a manifest finds the files that it names, or
-- none. Folders are 0700, files 0600 and this user's: whoever can write to one owns the guests.

local core = require "kavach.core"
local json = require "kavach.json"
local key = require "kavach.sandbox.template.key"
local lfs = require "lfs"
local place = require "kavach.sandbox.template.place"
local sweep = require "kavach.sandbox.template.sweep"

local store = {}

local VERSION <const> = 1
local MANIFEST_MOST <const>, REASON_MOST <const>, MARK_MOST <const> = 64 * 1024, 4096, 1024

---@class kavach.template.file
---@field name string
---@field size integer
---@field digest string

---@class kavach.template.manifest
---@field version integer
---@field key string
---@field digest string of the key
---@field memory kavach.template.file
---@field state kavach.template.file
---@field qemu string path
---@field qemu_version? string
---@field kernel string path
---@field backend string
---@field cpus integer
---@field memory_mb integer
---@field created integer seconds since 1970
---@field failures integer how many before it turned out bad

---@class kavach.template.found
---@field manifest kavach.template.manifest
---@field memory userdata Lua's file
---@field state userdata Lua's file
---@field mark string what whoever writes to a file of it changes
---@field checked boolean its digests were found right, and nobody has written to it since

-- ---- reading one -------------------------------------------------------------------------------

local function read(path, most)
  local file <close>, why = io.open(path, "rb")
  if not file then return nil, why end
  local bytes = file:read(most + 1) or ""
  if #bytes > most then return nil, path .. ": too long" end
  return bytes
end

local FIELDS <const> = {
  key = "string", digest = "string", qemu = "string", kernel = "string", backend = "string",
  cpus = "number", memory_mb = "number", created = "number", failures = "number",
  memory = "table", state = "table",
}

local function is_file(entry, kind)
  return math.type(entry.size) == "integer" and type(entry.digest) == "string"
    and type(entry.name) == "string" and entry.name:match("^" .. kind .. "%-%x+$") ~= nil
end

---@return kavach.template.manifest?
---@return string? why
function store.manifest(folder)
  local path = folder .. "/manifest.json"
  local why = place.file_objection(path)
  if why then return nil, why end
  local text
  text, why = read(path, MANIFEST_MOST)
  if not text then return nil, why end
  local manifest = json.decode(text)
  local sound = type(manifest) == "table" and manifest.version == VERSION
  for name, kind in next, sound and FIELDS or {} do
    sound = sound and type(manifest[name]) == kind
  end
  sound = sound and is_file(manifest.memory, "memory") and is_file(manifest.state, "state")
  if not sound then return nil, path .. ": not a template's manifest" end
  local name = folder:match "[^/]*$"
  if manifest.digest ~= name or core.hash(manifest.key) ~= name then
    return nil, path .. ": the manifest of another template"
  end
  return manifest
end

-- Opens a file of a template: of the size that it should have, and nobody else's. `how` is
-- io.open's.
local function open(folder, entry, how)
  local path = folder .. "/" .. entry.name
  local why, facts = place.file_objection(path)
  if why then return nil, why end
  if facts.size ~= entry.size then
    return nil, ("%s: %d bytes, not %d"):format(path, facts.size, entry.size)
  end
  local file
  file, why = io.open(path, how)
  if not file then return nil, why end
  local opened = core.file_facts(file)
  if opened and opened.ino == facts.ino and opened.dev == facts.dev then return file end
  file:close()
  return nil, path .. ": another file has taken its place"
end

-- What stands in for the digests of files that were compared with them: whatever writes to one
-- changes its times. Since the machine started: what a disk has forgotten meanwhile, no time tells.
local function mark_of(found)
  local boot <close> = io.open("/proc/sys/kernel/random/boot_id", "rb")
  return table.concat({
    boot and boot:read "l" or "", key.file_identity(core.file_facts(found.memory)),
    key.file_identity(core.file_facts(found.state)),
  }, "\n") .. "\n"
end

---The digests have been compared with the files, as they were when they were found: who has written
---to one since then has changed its mark.
---@param found kavach.template.found
function store.confirm(found)
  local base = place.folder()
  if base then
    core.private_file(("%s/%s/checked"):format(base, found.manifest.digest), found.mark)
  end
end

-- Why it is not to be used, if it is marked. However long that is, and whatever the mark is.
function store.bad_mark(folder)
  local path = folder .. "/bad"
  local kind = lfs.symlinkattributes(path, "mode")
  local file <close> = kind == "file" and io.open(path, "rb") or nil
  local text = file and file:read(REASON_MOST) or ""
  return kind and text:gsub("%s+$", "") or nil
end

---The template with that key, if there is one that can be used. Its files are open; what is in them
---has not been looked at yet.
---@param wanted string its key
---@return kavach.template.found?
---@return string? why nil: there simply is none
---@return integer? failures of the one that is not to be used
function store.find(wanted)
  local base, why = place.own()
  if not base then return nil, why end
  local digest = core.hash(wanted)
  local folder = base .. "/" .. digest
  if not lfs.symlinkattributes(folder, "mode") then return nil end
  why = place.objection(folder)
  if why then return nil, why end
  local manifest
  manifest, why = store.manifest(folder)
  if not manifest then return nil, why, 1 end
  local bad = store.bad_mark(folder)
  -- One that has been of use before says nothing against the next.
  local failures = lfs.attributes(folder .. "/good", "mode") and 1 or manifest.failures + 1
  if bad then return nil, ("it is marked bad: %s"):format(bad), failures end
  if manifest.key ~= wanted then
    return nil, folder .. ": it is of another QEMU, kernel or machine", 1
  end
  local memory, state
  -- QEMU opens it to write, too, though what it writes is its own.
  memory, why = open(folder, manifest.memory, "r+b")
  if memory then state, why = open(folder, manifest.state, "rb") end
  if state then
    local found = { manifest = manifest, memory = memory, state = state }
    found.mark = mark_of(found)
    local mark = folder .. "/checked"
    found.checked = not place.file_objection(mark) and read(mark, MARK_MOST) == found.mark
    return found
  end
  if memory then memory:close() end
  return nil, why, failures
end

---Marks a template, so that nobody uses it again.
---@param found kavach.template.found
---@param why string
function store.condemn(found, why)
  local base = place.own()
  if not base then return end
  local folder = base .. "/" .. found.manifest.digest
  local there = store.manifest(folder)
  -- Meanwhile another may have taken its place.
  if not there or there.memory.name ~= found.manifest.memory.name then return end
  core.private_file(folder .. "/bad", why .. "\n")
end

---It has been of use: what was not for long goes first.
---@param found kavach.template.found
function store.touch(found)
  local base = place.folder()
  local folder = base and base .. "/" .. found.manifest.digest
  if not folder or not lfs.touch(folder) then return end
  if found.manifest.failures > 0 and not lfs.attributes(folder .. "/good", "mode") then
    core.private_file(folder .. "/good", "")
  end
end

-- ---- making one --------------------------------------------------------------------------------

---What is being made of a template, by whoever has its lock: a folder that nobody finds yet.
---@param base string
---@param digest string
---@return string? folder
---@return string? why
function store.begin(base, digest)
  sweep.run(base, digest)
  -- The supervisor of one that was killed may still be about to remove its own.
  local folder = ("%s/.new-%s-%x"):format(base, digest, core.hrtime())
  -- Should this process be killed, its supervisor removes it.
  local ok, why = core.own_file(folder)
  if ok then ok, why = core.private_directory(folder) end
  if not ok then return nil, why end
  return folder
end

---Removes what was begun.
---@param folder string
function store.abandon(folder)
  sweep.remove(folder)
  core.disown_file(folder)
end

---Has it found from now on, in the place of one that was there.
---@param folder string
---@param manifest kavach.template.manifest
---@return boolean? true
---@return string? why
function store.publish(folder, manifest)
  local base = folder:match "^(.*)/"
  manifest.version = VERSION
  local ok, why = core.private_file(folder .. "/manifest.json", assert(json.encode(manifest)))
  if not ok then return nil, why end
  local target = base .. "/" .. manifest.digest
  if lfs.symlinkattributes(target, "mode") then
    ok, why = sweep.retire(base, manifest.digest)
    if not ok then return nil, why end
  end
  ok, why = os.rename(folder, target)
  if not ok then return nil, why end
  core.disown_file(folder)
  return true
end

return store
