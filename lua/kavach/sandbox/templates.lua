--- Templates: guests that were saved once they had booted, of which later sandboxes start as
--- copies. Nobody has to know: the first start of a kind makes one. This is for who wants to look
--- after them.
---
---   for _, each in ipairs(assert(kavach.template.list())) do print(each.digest, each.bytes) end
---
--- What is told of one comes from its files: its texts may be anything (kavach.plain).

local check = require "kavach.check"
local core = require "kavach.core"
local err = require "kavach.err"
local place = require "kavach.sandbox.template.place"
local shelf = require "kavach.sandbox.template.shelf"

local M = {}

-- How often `build` tries, as long as what there is changes from one time to the next.
local ATTEMPTS <const> = 3

---@class kavach.Template
---@field digest string what it is called
---@field bytes integer on the disk
---@field used integer when it was last used, in seconds since 1970
---@field bad? string why it is not used any more, if so
---@field qemu? string path; this and what follows is not known of one that cannot be read
---@field qemu_version? string
---@field kernel? string path
---@field backend? string
---@field cpus? integer of the machine: a sandbox may have a fraction of one
---@field memory_mb? integer
---@field created? integer in seconds since 1970

local TEXTS <const> = { "qemu", "qemu_version", "kernel", "backend" }
local NUMBERS <const> = { "cpus", "memory_mb", "created" }

---@param entry kavach.template.entry
---@return kavach.Template
local function shown(entry)
  local one = { digest = entry.digest, bytes = entry.bytes, used = entry.used, bad = entry.bad }
  local manifest = entry.manifest or {}
  for _, name in ipairs(TEXTS) do
    one[name] = type(manifest[name]) == "string" and manifest[name] or nil
  end
  for _, name in ipairs(NUMBERS) do
    local value = manifest[name]
    one[name] = value and math.tointeger(math.ceil(value))
  end
  return one
end

local function failed(why)
  return err.fail("io", why, { op = "template" })
end

-- ---- those that there are ----------------------------------------------------------------------

---All that there are, the one used last first.
---@return kavach.Template[]? templates
---@return kavach.Error?
function M.list()
  local entries, why = shelf.list()
  if not entries then return failed(why) end
  local list = {}
  for i, entry in ipairs(entries) do list[i] = shown(entry) end
  return list
end

-- The only one whose digest begins so.
local function find(list, text)
  local found, digests = {}, {}
  for _, each in ipairs(list) do
    if text ~= "" and each.digest:sub(1, #text) == text:lower() then
      found[#found + 1], digests[#digests + 1] = each, each.digest
    end
  end
  if #found == 1 then return found[1] end
  return err.fail("invalid_argument", #found == 0
    and ("no template's digest begins with '%s'; kavach template list shows them"):format(text)
    or ("'%s' may be each of %s"):format(text, table.concat(digests, ", ")), { op = "template" })
end

---The template with that digest, or whose digest alone begins so.
---@param digest string
---@return kavach.Template? template
---@return kavach.Error?
function M.find(digest)
  if type(digest) ~= "string" then
    error(("template.find: digest must be a string, got a %s"):format(type(digest)), 2)
  end
  local list, why = M.list()
  if not list then return nil, why end
  return find(list, digest)
end

-- ---- removing them -----------------------------------------------------------------------------

local CLEAR = {
  digest = { type = { "string", "table" } },
  bad = "boolean",
  unused_ms = { type = "integer", min = 0 },
}

-- The digests of those that are named, as a set.
local function named(digests)
  local list, why = M.list()
  if not list then return nil, why end
  local set = {}
  for _, text in ipairs(type(digests) == "table" and digests or { digests }) do
    local one
    one, why = find(list, tostring(text))
    if not one then return nil, why end
    set[one.digest] = true
  end
  return set
end

---Removes them: all, or those that every option fits. What runs as a copy of one goes on.
---
---Options: `digest`, or what it alone begins with, or a list of those: one that there is not is an
---error, and then none is removed; `bad`: whether they are marked bad; `unused_ms`: so long.
---@param options table?
---@return integer? count
---@return integer|kavach.Error bytes that they took
function M.clear(options)
  options = check.table(CLEAR, options, "template.clear", 2)
  local set, why
  if options.digest then
    set, why = named(options.digest)
    if not set then return nil, why end
  end
  local now, bytes, count = os.time(), 0
  count, why = shelf.clear(function(entry)
    local fits = (not set or set[entry.digest])
      and (options.bad == nil or (entry.bad ~= nil) == options.bad)
      and (not options.unused_ms or (now - entry.used) * 1000 >= options.unused_ms)
    if fits then bytes = bytes + entry.bytes end
    return fits or false
  end)
  if not count then return failed(why) end
  return count, bytes
end

-- ---- making one --------------------------------------------------------------------------------

local function none(why)
  return err.fail("creation_failed", "no template was made: " .. tostring(why),
    { op = "template" })
end

-- The digest of the templates that sandboxes with these options start from.
local function digest_for(checked)
  local planned, why = require("kavach.sandbox.launch").plan(checked, function() end)
  if not planned then return nil, why end
  local key
  key, why = require("kavach.sandbox.template").key(checked, planned)
  if not key then return none(why) end
  local folder
  folder, why = place.own()
  if not folder then return none(why) end
  return core.hash(key)
end

local function entry_of(digest)
  for _, entry in ipairs(shelf.list() or {}) do
    if entry.digest == digest then return entry end
  end
end

-- "good", "bad", or nil if there is none.
local function state_of(digest)
  local entry = entry_of(digest)
  return entry and (entry.bad and "bad" or "good")
end

-- Starts a sandbox and ends it: what it was to a template.
local function try(options)
  local box <close>, why = require("kavach.sandbox").launch(options)
  if not box then return nil, why end
  local ok
  ok, why = box:wait_ready()
  if not ok then return nil, why end
  return box.template
end

-- The options, but for the name: a sandbox that has it may run.
local function nameless(options)
  local copy = {}
  for name, value in next, options or {} do copy[name] = value end
  copy.name = nil
  return copy
end

---Makes the template from which sandboxes with these options start, if it is not there: boots a
---guest for it, and ends that. One that is there is tried, and made again if it turns out bad.
---@param options table? as for kavach.sandbox
---@return kavach.Template? template
---@return boolean|kavach.Error made whether it was made now
function M.build(options)
  local checked, why = require("kavach.sandbox.config").check(options, 2)
  if not checked then return nil, why end
  local digest
  digest, why = digest_for(checked)
  if not digest then return nil, why end
  options = nameless(options)
  local used
  for _ = 1, ATTEMPTS do
    local before = state_of(digest)
    used, why = try(options)
    if not used then return nil, why end
    local entry = used.digest and entry_of(used.digest)
    if entry then return shown(entry), used.made or false end
    -- Else it has turned out bad just now, or another process was making it.
    if state_of(digest) == before then break end
  end
  return none(used.why or "it has been removed again")
end

return M
