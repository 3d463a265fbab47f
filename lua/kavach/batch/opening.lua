--- The journal of a batch that is about to run: a new one, or the one that there is, if that is of
--- the same batch.

local err = require "kavach.err"
local journal = require "kavach.batch.journal"
local lfs = require "lfs"
local place = require "kavach.batch.place"

local M = {}

local function fail(message, ...)
  return err.fail("invalid_argument", message:format(...), { op = "batch" })
end

local function uuid()
  local file <close> = assert(io.open "/proc/sys/kernel/random/uuid")
  return file:read "l"
end

local FORMS <const> = {
  script = "script", command = "command line", lua = "program of its own",
}

-- Whether the jobs come from where they came from before.
local function check_origin(batch, kept, how)
  local before, now = kept.source, batch.origin
  if kept.form ~= now.form then
    return fail("batch '%s' was made by a %s, not by a %s: give this one another name", batch.name,
      FORMS[kept.form] or kept.form, FORMS[now.form])
  end
  if now.digest and before.digest ~= now.digest and not how.changed then
    return fail("%s is not what it was when batch '%s' began; --changed goes on all the same",
      now.script, batch.name)
  end
  return true
end

-- Whether there is a journal. What was left by a run that was killed while it made one is none.
local function is_there(path)
  if lfs.attributes(path, "mode") == nil then return false end
  local reader <close>, why = journal.reader(path)
  return reader ~= nil or not why.empty
end

---Makes it, makes it anew or opens it, as is asked for. The caller has its lock.
---@param batch kavach.Batch
---@param where kavach.batch.where
---@param how kavach.batch.how
---@return kavach.Journal?
---@return kavach.Error?
function M.open(batch, where, how)
  local exists = is_there(where.db)
  if exists and not how.resume and not how.replace then
    return fail("there is a batch '%s' already: `kavach batch resume %s` goes on with it, "
      .. "--replace makes it anew, --name gives this one another", batch.name, batch.name)
  end
  if how.resume and not exists then
    return fail("there is no batch '%s'; see kavach batch list", batch.name)
  end
  if not how.resume then
    if exists or place.is_cut_off(where) then
      local removed, why = place.clear(where)
      if not removed then return nil, why end
    end
    return journal.create(where.db, {
      name = batch.name, uuid = uuid(), form = batch.origin.form, source = batch.origin,
    })
  end
  local opened, why = journal.open(where.db)
  if not opened then return nil, why end
  local same, trouble = check_origin(batch, opened.about, how)
  if same then return opened end
  opened:close()
  return nil, trouble
end

return M
