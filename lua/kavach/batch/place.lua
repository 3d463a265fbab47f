-- Where batches are kept, each under its name: in $XDG_STATE_HOME/kavach/batch,
--
--   NAME.db     its journal, and what SQLite keeps beside it
--   NAME.lock   locked by the process that works on it, which has written there who it is
--   NAME.out    a folder: outputs that are too large for the journal, and files that jobs made
--   NAME.gone   the journal of one that is removed, until the rest is

local core = require "kavach.core"
local err = require "kavach.err"
local files = require "kavach.batch.files"
local lfs = require "lfs"
local plain = require "kavach.plain"
local proc = require "kavach.proc"
local xdg = require "kavach.xdg"

local place = {}

local NAME_MAX <const> = 100
-- `kavach batch status` is no batch of that name.
local VERBS <const> = {
  run = true, resume = true, status = true, logs = true, report = true, list = true, remove = true,
  pause = true, continue = true, cancel = true, jobs = true,
}
local SECOND_NS <const> = 1000000000

---@param name any
---@return true?
---@return string? message why it is no name of a batch
function place.check_name(name)
  if type(name) ~= "string" then return nil, "the name of a batch is text, not a " .. type(name) end
  if name == "" then return nil, "the name of a batch has at least one letter or digit" end
  if #name > NAME_MAX then
    return nil, ("the name of a batch has at most %d characters, not %d"):format(NAME_MAX, #name)
  end
  if not name:find "^%w[%w._-]*$" or name:find("..", 1, true) then
    return nil, ("'%s' is no name for a batch: letters, digits, '-', '_' and single dots, and a "
      .. "letter or digit first"):format(plain.text(name))
  end
  if VERBS[name] then return nil, ("'%s' is no name for a batch, but a command"):format(name) end
  return true
end

---@class kavach.batch.where
---@field name string
---@field folder string that the others are in
---@field db string
---@field lock string
---@field out string
---@field gone string

---Where a batch is, if there is one. Nothing is made.
---@param name string
---@return kavach.batch.where?
---@return kavach.Error?
function place.of(name)
  local ok, message = place.check_name(name)
  if not ok then return err.fail("invalid_argument", message) end
  local folder
  folder, message = xdg.state("batch", "batches")
  if not folder then return err.fail("io", message) end
  local base = folder .. "/" .. name
  return {
    name = name, folder = folder, db = base .. ".db", lock = base .. ".lock", out = base .. ".out",
    gone = base .. ".gone",
  }
end

---Where a batch is that there is. What there is not is an error that names the nearest.
---@param name string
---@return kavach.batch.where?
---@return kavach.Error?
function place.existing(name)
  local where, why = place.of(name)
  if not where then return nil, why end
  if lfs.attributes(where.db, "mode") then return where end
  if place.is_cut_off(where) then
    return err.fail("invalid_argument", ("the batch '%s' is removed, but not all of it: "
      .. "`kavach batch remove %s` ends that"):format(name, name))
  end
  local nearest = require("kavach.check").nearest(name, place.list() or {})
  return err.fail("invalid_argument", ("there is no batch '%s'%s; see kavach batch list"):format(
    name, nearest and (" (did you mean '%s'?)"):format(nearest) or ""))
end

---Where a batch is that there is, or of which a removal that was cut off has left something.
---@param name string
---@return kavach.batch.where?
---@return kavach.Error?
function place.removable(name)
  local where, why = place.of(name)
  if not where then return nil, why end
  if place.is_cut_off(where) then return where end
  return place.existing(name)
end

---Whether a removal has been begun and not ended.
---@param where kavach.batch.where
---@return boolean
function place.is_cut_off(where) return core.file_facts(where.gone, "nofollow") ~= nil end

---The names of the batches that there are.
---@return string[]? names sorted
---@return kavach.Error?
function place.list()
  local folder, message = xdg.state("batch", "batches")
  if not folder then return err.fail("io", message) end
  local names = {}
  if not core.file_facts(folder) then return names end
  local readable, next_name, state = pcall(lfs.dir, folder)
  if not readable then return err.fail("io", tostring(next_name)) end
  for file in next_name, state do
    local name = file:match "^(.*)%.db$"
    if name and place.check_name(name) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- ---- who works on it ---------------------------------------------------------------------------

---@class kavach.batch.lock
local Lock = {}
Lock.__index = Lock

---Lets others have it.
function Lock:close()
  if not self.file then return end
  -- The supervisor has it open, too, if it was to hold it.
  core.file_unlock(self.file)
  if self.held then core.release(self.held) end
  self.file:close()
  self.file = nil
end

Lock.__close = Lock.close

---Keeps it from others until all that this process starts has ended, should the process itself end
---before: by its supervisor, which ends last.
---@return true?
---@return kavach.Error?
function Lock:hold()
  local held, why = core.hold(self.file)
  if not held then return err.fail("io", why) end
  self.held = held
  return true
end

-- Who has locked it, as far as can be seen: what stands there may be of somebody before.
local function holder(path)
  local file = io.open(path)
  local text = file and file:read(NAME_MAX) or ""
  if file then file:close() end
  local pid, start, since = text:match "^ *(%d+) +(%d+) +(%d+)\n"
  if not pid or proc.start_time(pid) ~= start then return {} end
  return { pid = tonumber(pid), since_ns = math.tointeger(tonumber(since)) }
end

---Who works on a batch at present, if anybody does.
---@param where kavach.batch.where
---@return { pid: integer?, since_ns: integer? }? holder
function place.holder(where)
  if not core.file_facts(where.lock, "nofollow") then return nil end
  local file = core.file_locked(where.lock)
  if file then
    file:close()
    return nil
  end
  return holder(where.lock)
end

local function held(where)
  local who = holder(where.lock)
  local text = who.pid and ("process %d, since %s"):format(who.pid,
    os.date("%Y-%m-%d %H:%M:%S", who.since_ns // SECOND_NS)) or "another process"
  return err.fail("invalid_transition",
    ("the batch '%s' is being worked on by %s"):format(where.name, text),
    { held = true, pid = who.pid, since_ns = who.since_ns })
end

---Makes a batch this process's to work on, until it is closed or the process has ended. That
---another does is an error with `held = true`, and with `pid` and `since_ns` if they are known.
---@param where kavach.batch.where
---@return kavach.batch.lock?
---@return kavach.Error?
function place.lock(where)
  local made, message = core.private_directory(where.folder)
  if not made then return err.fail("io", message) end
  local file
  file, message = core.file_locked(where.lock)
  if file == false then return held(where) end
  if not file then return err.fail("io", message) end
  -- Of the same length each time: what an earlier holder wrote is overwritten. If there is no space
  -- for it, nobody is told who holds it.
  file:write(("%10d %20s %20d\n"):format(core.getpid(), proc.start_time "self",
    core.wall_clock()))
  file:flush()
  return setmetatable({ file = file }, Lock)
end

-- There is the batch with all that it has, or there is none, wherever this is cut off: not one
-- whose outputs or newest results are gone.
local function take_away(where)
  if not core.file_facts(where.db, "nofollow") then return true end
  local ok, why = os.rename(where.db, where.gone)
  if ok then ok, why = files.sync(where.folder) end
  return ok, why
end

-- What is left is cleared by the next removal, as long as the journal is there by its other name.
local function clear(where)
  for _, path in ipairs { where.db .. "-wal", where.db .. "-shm", where.out } do
    local ok, why = core.remove_tree(path)
    if not ok then return nil, why end
  end
  local ok, why = files.sync(where.folder)
  if ok then ok, why = core.remove_tree(where.gone) end
  return ok, why
end

---Removes what a batch has, but for its lock, which the caller has.
---@param where kavach.batch.where
---@return true?
---@return kavach.Error?
function place.clear(where)
  local ok, why = take_away(where)
  if ok then ok, why = clear(where) end
  if ok then return true end
  return err.fail("io", why)
end

---Removes all that there is of a batch. The caller has its lock, which is good for nothing
---afterwards.
---@param where kavach.batch.where
---@return true?
---@return kavach.Error?
function place.remove(where)
  local ok, why = place.clear(where)
  if not ok then return nil, why end
  local message
  ok, message = core.remove_tree(where.lock)
  if not ok then return err.fail("io", message) end
  return true
end

return place
