-- All templates together: which there are, and that they do not become too many.

local core = require "kavach.core"
local lfs = require "lfs"
local place = require "kavach.sandbox.template.place"
local store = require "kavach.sandbox.template.store"
local sweep = require "kavach.sandbox.template.sweep"

local shelf = {}

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
  local why = place.objection(folder)
  if not why then entry.manifest, why = store.manifest(folder) end
  entry.bad = why or store.bad_mark(folder)
  for _, name in ipairs(sweep.names(folder) or {}) do
    local facts = core.file_facts(folder .. "/" .. name, "nofollow")
    entry.bytes = entry.bytes + (facts and facts.allocated or 0)
  end
  return entry
end

---All that there are, the one used last first.
---@return kavach.template.entry[]? entries
---@return string? why
function shelf.list()
  local base, why = place.folder()
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
function shelf.clear(which)
  local list, why = shelf.list()
  if not list then return nil, why end
  local base, count = place.folder(), 0
  for _, entry in ipairs(list) do
    if not which or which(entry) then
      local ok, trouble = sweep.retire(base, entry.digest)
      if not ok then return nil, trouble end
      count = count + 1
    end
  end
  return count
end

-- ---- not too many ------------------------------------------------------------------------------

local MIB <const>, DAY <const> = 1024 * 1024, 24 * 3600

local function setting(name, default)
  return tonumber(os.getenv(name) or "") or default
end

---Removes those that were not used for long, and, of the others, those used longest ago until what
---is left takes no more room than it may: KAVACH_TEMPLATE_DAYS (30) and KAVACH_TEMPLATE_MB (4096).
---@param keep string the digest of one that stays
function shelf.evict(keep)
  local oldest = os.time() - setting("KAVACH_TEMPLATE_DAYS", 30) * DAY
  local room = setting("KAVACH_TEMPLATE_MB", 4096) * MIB
  local list, base = shelf.list() or {}, place.folder()
  for _, entry in ipairs(list) do
    if entry.digest == keep then room = room - entry.bytes end
  end
  for _, entry in ipairs(list) do -- the one used last comes first
    local stays = entry.used >= oldest and entry.bytes <= room
    if entry.digest ~= keep and stays then room = room - entry.bytes end
    if entry.digest ~= keep and not stays then sweep.retire(base, entry.digest) end
  end
end

return shelf
