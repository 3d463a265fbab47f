--- Templates: guests that were saved once they had booted, of which later sandboxes start as
--- copies. Nobody has to know: the first start of a kind makes one. This is for who wants to look
--- after them.
---
---   for _, each in ipairs(assert(kavach.template.list())) do print(each.digest, each.bytes) end

local check = require "kavach.check"
local err = require "kavach.err"
local store = require "kavach.sandbox.template.store"

local M = {}

---@class kavach.Template
---@field digest string what it is called
---@field bytes integer on the disk
---@field used integer when it was last used, in seconds since 1970
---@field bad? string why it is not used any more, if so
---@field qemu? string path; this and what follows is not known of one that cannot be read
---@field qemu_version? string
---@field kernel? string path
---@field backend? string
---@field cpus? integer
---@field memory_mb? integer
---@field created? integer in seconds since 1970

local SHOWN <const> =
  { "qemu", "qemu_version", "kernel", "backend", "cpus", "memory_mb", "created" }

local function shown(entry)
  local one = { digest = entry.digest, bytes = entry.bytes, used = entry.used, bad = entry.bad }
  for _, name in ipairs(SHOWN) do one[name] = entry.manifest and entry.manifest[name] end
  return one
end

---All that there are, the one used last first.
---@return kavach.Template[]? templates
---@return kavach.Error?
function M.list()
  local entries, why = store.list()
  if not entries then return err.fail("io", why, { op = "template" }) end
  local list = {}
  for i, entry in ipairs(entries) do list[i] = shown(entry) end
  return list
end

local CLEAR = {
  digest = "string", bad = "boolean",
  unused_ms = { type = "integer", min = 0 },
}

---Removes them: all, or those that every option fits. What runs as a copy of one goes on.
---
---Options: `digest`, or its beginning; `bad`: whether they are marked bad; `unused_ms`: so long.
---@param options table?
---@return integer? count
---@return kavach.Error?
function M.clear(options)
  options = check.table(CLEAR, options, "template.clear", 2)
  local now = os.time()
  local count, why = store.clear(function(entry)
    return (not options.digest or entry.digest:sub(1, #options.digest) == options.digest)
      and (options.bad == nil or (entry.bad ~= nil) == options.bad)
      and (not options.unused_ms or (now - entry.used) * 1000 >= options.unused_ms)
  end)
  if not count then return err.fail("io", why, { op = "template" }) end
  return count
end

---Makes the template from which sandboxes with these options start, if it is not there: boots a
---guest for it, and ends that.
---@param options table? as for kavach.sandbox
---@return kavach.Template? template
---@return boolean|kavach.Error made whether it was made now
function M.build(options)
  local box <close>, why = require("kavach.sandbox").launch(options, nil, 2)
  if not box then return nil, why end
  local ok
  ok, why = box:wait_ready()
  if not ok then return nil, why end
  local used = box.template
  for _, entry in ipairs(used.digest and store.list() or {}) do
    if entry.digest == used.digest then return shown(entry), used.made or false end
  end
  return err.fail("creation_failed",
    "no template was made: " .. (used.why or "it has been removed again"), { op = "template" })
end

return M
