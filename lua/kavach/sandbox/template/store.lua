-- Where templates are kept: $XDG_CACHE_HOME/kavach/templates, or ~/.cache/kavach/templates.
--
--   DIGEST/manifest.json   what it is of, and the sizes and digests of the two others
--   DIGEST/memory-N        the guest's memory: pages that are all zero are holes
--   DIGEST/state-N         the state of its devices, as QEMU writes it
--   DIGEST/bad             why it is not to be used, if so
--   DIGEST/good            one that was made again has been of use
--   DIGEST.lock            locked by whoever makes it
--   .new-DIGEST-N          what is being made
--   .old-DIGEST-N          what is being removed
--
-- DIGEST is that of the key (key.lua), which the manifest has in full. A template appears by one
-- rename, and N is another each time, so who has read a manifest finds the files that it names, or
-- none. Folders are 0700, files 0600 and this user's: whoever can write to one owns the guests.

local core = require "kavach.core"
local json = require "kavach.json"
local lfs = require "lfs"
local sweep = require "kavach.sandbox.template.sweep"

local store = {}

local VERSION <const> = 1
local MANIFEST_MOST <const>, REASON_MOST <const> = 64 * 1024, 4096
local OTHERS_WRITE <const>, OTHERS <const> = tonumber("022", 8), tonumber("077", 8)

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

-- ---- where, and whose --------------------------------------------------------------------------

---@return string? folder
---@return string? why
function store.folder()
  local base = os.getenv "XDG_CACHE_HOME"
  if not base or base:sub(1, 1) ~= "/" then -- the specification: relative ones are to be ignored
    local home = os.getenv "HOME"
    if not home or home:sub(1, 1) ~= "/" then
      return nil, "neither XDG_CACHE_HOME nor HOME says where templates may be kept"
    end
    base = home .. "/.cache"
  end
  return base .. "/kavach/templates"
end

-- Why a file or folder is not to be trusted, if so; else what is known of it.
local function objection(path, kind, forbidden)
  local facts, why = core.file_facts(path, "nofollow")
  if not facts then return why end
  if facts.kind ~= kind then return ("%s: it is a %s, not a %s"):format(path, facts.kind, kind) end
  if facts.uid ~= core.euid() then
    return ("%s: it belongs to user %d, not to this one"):format(path, facts.uid)
  end
  if facts.mode & forbidden ~= 0 then
    local what = facts.mode & OTHERS_WRITE ~= 0 and "write to" or "reach"
    return ("%s: others may %s it (mode %04o)"):format(path, what, facts.mode & 4095)
  end
  return nil, facts
end

---The folder, made if it is not there, and this user's alone.
---@return string? folder
---@return string? why
local function own_folder()
  local folder, why = store.folder()
  if not folder then return nil, why end
  local made
  made, why = core.private_directory(folder)
  if not made then return nil, why end
  why = objection(folder, "directory", OTHERS)
  if why then return nil, why end
  return folder
end

local function read(path, most)
  local file <close>, why = io.open(path, "rb")
  if not file then return nil, why end
  local bytes = file:read(most + 1) or ""
  if #bytes > most then return nil, path .. ": too long" end
  return bytes
end

-- ---- reading one -------------------------------------------------------------------------------

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
local function manifest_of(folder)
  local path = folder .. "/manifest.json"
  local why = objection(path, "file", OTHERS_WRITE)
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
  local why, facts = objection(path, "file", OTHERS_WRITE)
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

-- Why it is not to be used, if it is marked. However long that is, and whatever the mark is.
local function bad_mark(folder)
  local path = folder .. "/bad"
  local kind = lfs.symlinkattributes(path, "mode")
  local file <close> = kind == "file" and io.open(path, "rb") or nil
  local text = file and file:read(REASON_MOST) or ""
  return kind and text:gsub("%s+$", "") or nil
end

---The template with that key, if there is one that can be used. Its files are open; what is in them
---has not been looked at yet.
---@param key string
---@return kavach.template.found?
---@return string? why nil: there simply is none
---@return integer? failures of the one that is not to be used
function store.find(key)
  local base, why = own_folder()
  if not base then return nil, why end
  local digest = core.hash(key)
  local folder = base .. "/" .. digest
  if not lfs.symlinkattributes(folder, "mode") then return nil end
  why = objection(folder, "directory", OTHERS)
  if why then return nil, why end
  local manifest
  manifest, why = manifest_of(folder)
  if not manifest then return nil, why, 1 end
  local bad = bad_mark(folder)
  -- One that has been of use before says nothing against the next.
  local failures = lfs.attributes(folder .. "/good", "mode") and 1 or manifest.failures + 1
  if bad then return nil, ("it is marked bad: %s"):format(bad), failures end
  if manifest.key ~= key then
    return nil, folder .. ": it is of another QEMU, kernel or machine", 1
  end
  local memory, state
  -- QEMU opens it to write, too, though what it writes is its own.
  memory, why = open(folder, manifest.memory, "r+b")
  if memory then state, why = open(folder, manifest.state, "rb") end
  if state then return { manifest = manifest, memory = memory, state = state } end
  if memory then memory:close() end
  return nil, why, failures
end

---Marks a template, so that nobody uses it again.
---@param found kavach.template.found
---@param why string
function store.condemn(found, why)
  local base = own_folder()
  if not base then return end
  local folder = base .. "/" .. found.manifest.digest
  local there = manifest_of(folder)
  -- Meanwhile another may have taken its place.
  if not there or there.memory.name ~= found.manifest.memory.name then return end
  core.private_file(folder .. "/bad", why .. "\n")
end

---It has been of use: what was not for long goes first.
---@param found kavach.template.found
function store.touch(found)
  local base = store.folder()
  local folder = base and base .. "/" .. found.manifest.digest
  if not folder or not lfs.touch(folder) then return end
  if found.manifest.failures > 0 and not lfs.attributes(folder .. "/good", "mode") then
    core.private_file(folder .. "/good", "")
  end
end

-- ---- removing ----------------------------------------------------------------------------------

-- Takes it out of sight first, so that nobody finds half of it. If somebody else has removed it
-- meanwhile, it is gone, too.
local function remove(base, digest)
  local folder = base .. "/" .. digest
  local away = ("%s/.old-%s-%x"):format(base, digest, core.hrtime())
  local ok, why = os.rename(folder, away)
  if not ok and not lfs.symlinkattributes(folder, "mode") then return true end
  if ok then ok, why = sweep.remove(away) end
  if not ok then return nil, tostring(why) end
  return true
end

---@class kavach.template.entry
---@field digest string
---@field manifest? kavach.template.manifest nil: it cannot be read
---@field bad? string why it is not used
---@field bytes integer on the disk
---@field used integer seconds since 1970
---@field failure? string

local function entry_of(base, digest)
  local folder = base .. "/" .. digest
  local entry = { digest = digest, bytes = 0, used = lfs.attributes(folder, "modification") or 0 }
  local why = objection(folder, "directory", OTHERS)
  if not why then entry.manifest, why = manifest_of(folder) end
  entry.bad = why or bad_mark(folder)
  for _, name in ipairs(sweep.names(folder) or {}) do
    local facts = core.file_facts(folder .. "/" .. name, "nofollow")
    entry.bytes = entry.bytes + (facts and facts.allocated or 0)
  end
  return entry
end

---All that there are, the one used last first.
---@return kavach.template.entry[]? entries
---@return string? why
function store.list()
  local base, why = store.folder()
  if not base then return nil, why end
  local names, unread = sweep.names(base)
  if not names and lfs.attributes(base, "mode") then return nil, unread end
  local list = {}
  for _, name in ipairs(names or {}) do
    if name:find "^%x+$" and #name == 32 then list[#list + 1] = entry_of(base, name) end
  end
  table.sort(list, function(a, b)
    if a.used ~= b.used then return a.used > b.used end
    return a.digest < b.digest
  end)
  return list
end

---Removes templates: all, or those for which `which` is true. What runs as a copy of one goes on.
---@param which? fun(entry: kavach.template.entry): boolean
---@return integer? count
---@return string? why
function store.clear(which)
  local list, why = store.list()
  if not list then return nil, why end
  local base, count = store.folder(), 0
  for _, entry in ipairs(list) do
    if not which or which(entry) then
      local ok, trouble = remove(base, entry.digest)
      if not ok then return nil, trouble end
      count = count + 1
    end
  end
  return count
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
    ok, why = remove(base, manifest.digest)
    if not ok then return nil, why end
  end
  ok, why = os.rename(folder, target)
  if not ok then return nil, why end
  core.disown_file(folder)
  return true
end

-- ---- not too many ------------------------------------------------------------------------------

local MIB <const>, DAY <const> = 1024 * 1024, 24 * 3600

local function setting(name, default)
  return tonumber(os.getenv(name) or "") or default
end

---Removes those that were not used for long, and, of the others, those used longest ago until what
---is left takes no more room than it may: KAVACH_TEMPLATE_DAYS (30) and KAVACH_TEMPLATE_MB (4096).
---@param keep string the digest of one that stays
function store.evict(keep)
  local oldest = os.time() - setting("KAVACH_TEMPLATE_DAYS", 30) * DAY
  local room = setting("KAVACH_TEMPLATE_MB", 4096) * MIB
  local list, base = store.list() or {}, store.folder()
  for _, entry in ipairs(list) do
    if entry.digest == keep then room = room - entry.bytes end
  end
  for _, entry in ipairs(list) do -- the one used last comes first
    local stays = entry.used >= oldest and entry.bytes <= room
    if entry.digest ~= keep and stays then room = room - entry.bytes end
    if entry.digest ~= keep and not stays then remove(base, entry.digest) end
  end
end

store.own_folder = own_folder

return store
