-- A journal's file: whether it is one, and making one.

local core = require "kavach.core"
local fault = require "kavach.batch.journal.fault"
local schema = require "kavach.batch.journal.schema"
local store = require "kavach.store"

local file = {}

-- Of a file that is not too large, all is looked at before it is written to: what SQLite meets only
-- later would stop a run in its middle.
local CHECK_MAX <const> = 256 << 20

---@class kavach.journal.step
---@field sql string
---@field one? boolean it must give one row
---@field values? any[] its parameters, none of them nil

-- Does steps, all or none, and waits for the disk.
---@param steps (string|kavach.journal.step)[]
local function run_now(writer, steps)
  local unit = store.unit()
  for _, step in ipairs(steps) do
    if type(step) == "string" then step = { sql = step } end
    unit:add(writer:statement(step.sql, step.one and "one" or nil),
      table.unpack(step.values or {}))
  end
  writer:submit(unit)
  writer:drain()
  local _, ok, message, kind = writer:take()
  if ok then return true end
  return nil, message, kind
end

-- ---- what there is -----------------------------------------------------------------------------

-- Whether it may be used, by what its header tells.
local function check_header(path, id, version, tables)
  if id == 0 and tables == 0 then
    return fault.fail("io", path .. ": an empty journal: whoever made it was ended "
      .. "at once, before a job was run; begin the batch anew",
      { empty = true })
  elseif id ~= schema.APPLICATION_ID then
    return fault.fail("io", path .. ": it is no journal of a batch", { foreign = true })
  elseif version > schema.version() then
    return fault.fail("io", ("%s: its version is %d, of a newer kavach; this one knows up to %d")
      :format(path, version, schema.version()), { newer = version })
  end
  return true
end

---Opens a file to read it, and looks whether it is a journal that this kavach knows.
---@param path string
---@return userdata? reader of kavach.store
---@return integer|kavach.Error version
function file.reader(path)
  local reader, message, kind = store.reader(path)
  if not reader then return nil, fault.reading(message, kind) end
  local there, id, version, tables = reader:row [[
    SELECT (SELECT application_id FROM pragma_application_id),
           (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)]]
  local ok, why
  if there then
    ok, why = check_header(path, id, version, tables)
  else
    why = fault.reading(id, version)
  end
  if ok then return reader, version end
  reader:close()
  return nil, why
end

local function check_pages(reader, path)
  local facts = core.file_facts(path)
  if not facts or facts.size > CHECK_MAX then return true end
  local there, message, kind = reader:row "PRAGMA quick_check(1)"
  if there and message == "ok" then return true end
  -- Its first line is of which database that is.
  local said = there and message:gsub("^%*%*%* [^\n]*\n", ""):gsub("\n", "; ")
  return nil, fault.reading(there and ("%s: %s"):format(path, said) or message,
    there and "corrupt" or kind)
end

-- ---- opening -----------------------------------------------------------------------------------

local function migrate(writer, version)
  if version == schema.version() then return true end
  local steps = schema.from(version)
  table.insert(steps, 1, {
    sql = "SELECT 1 FROM pragma_user_version WHERE user_version = ?", values = { version },
    one = true,
  })
  return run_now(writer, steps)
end

---Opens a journal to write to it: of this version, afterwards.
---@param path string
---@return userdata? writer of kavach.store
---@return userdata|kavach.Error reader
function file.open(path)
  local reader, version = file.reader(path)
  if not reader then return nil, version end
  local ok, why = check_pages(reader, path)
  local writer, message, kind
  if ok then
    writer, message, kind = store.open(path)
    ok = writer ~= nil
    if ok then ok, message, kind = migrate(writer, version) end
    why = not ok and fault.of(message, kind) or nil
  end
  if ok then return writer, reader end
  reader:close()
  if writer then writer:close() end
  return nil, why
end

-- ---- making ------------------------------------------------------------------------------------

---Removes a journal that nobody has open.
---@param path string
---@return boolean? true
---@return string? why
function file.remove(path)
  -- The log first: a new file of that name must not find the old one's.
  for _, name in ipairs { path .. "-wal", path .. "-shm", path } do
    local ok, why = os.remove(name)
    if not ok and core.file_facts(name, "nofollow") then return nil, why end
  end
  return true
end

local function fill(writer, about)
  local steps = schema.from(0)
  table.insert(steps, 1, {
    sql = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema)", one = true,
  })
  steps[#steps + 1] = {
    sql = "INSERT INTO about VALUES (?, ?, ?, ?, ?, NULL)",
    values = { about.name, about.uuid, about.form, about.source, core.wall_clock() },
  }
  return run_now(writer, steps)
end

---Makes a journal where there is none, or only an empty file.
---@param path string
---@param about table for its one row: { name, uuid, form, source }, the last as JSON
---@return userdata? writer of kavach.store
---@return userdata|kavach.Error reader
function file.create(path, about)
  local before = core.file_facts(path, "nofollow")
  local writer, message, kind = store.open(path, { create = true })
  local ok, reader, why = writer ~= nil, nil, nil
  if ok then ok, message, kind = fill(writer, about) end
  if ok then reader, why = file.reader(path) end
  if reader then return writer, reader end
  if writer then writer:close() end
  if not before then file.remove(path) end
  if kind == "fenced" then
    return fault.fail("invalid_transition", path .. ": there is one already", { exists = true })
  end
  return nil, why or fault.of(message, kind)
end

return file
