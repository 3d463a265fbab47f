--- The files of a policy in Lua, and of its data: read here, and run and parsed elsewhere.

local err = require "kavach.err"
local read_all = require("kavach.file").read_all
local snp = require "kavach.snp"

local M = {}

local SOURCE_MAX <const>, FILES_MAX <const> = 1 << 20, 64
local DATA_MAX <const> = 64 << 20

local function read_data(given, data)
  for name in next, data do given.data_names[#given.data_names + 1] = name end
  table.sort(given.data_names)
  for _, name in ipairs(given.data_names) do
    local bytes, why = read_all(data[name], DATA_MAX)
    if not bytes then return nil, err.wrap(why, ("data '%s'"):format(name)) end
    given.data[name] = bytes
    given.data_size = given.data_size + #bytes
  end
  if given.data_size > DATA_MAX then
    return err.fail("invalid_argument", ("more than %d bytes of data"):format(DATA_MAX))
  end
  return given
end

-- The names that a text seems to include. In small steps: one pattern for all of it would go back
-- over long runs of spaces again and again.
local function likely_names(text)
  local names = {}
  for at in text:gmatch "include()" do
    at = text:match("^%s*()", at)
    at = text:match("^%(%s*()", at) or at
    names[#names + 1] = text:match("^[\"']([%w_-]+)[\"']", at)
  end
  return names
end

-- Adds files that a text seems to include, and what those include: a policy that asks for a file
-- has to be loaded again with it. Nothing is made of what is missed, or not there.
local function add_likely(given, text)
  for _, name in ipairs(likely_names(text)) do
    local file, known = name .. ".lua", false
    for _, one in ipairs(given.files) do known = known or one.name == file end
    local found = not known and #given.files < FILES_MAX
      and read_all(given.folder .. file, SOURCE_MAX)
    if found then
      given.files[#given.files + 1] = { name = file, text = found }
      add_likely(given, found)
    end
  end
end

--- The bytes of a file of data below a folder.
---@param folder string
---@param name string
---@return string?
---@return kavach.Error?
function M.data(folder, name)
  if name:find "^/" or ("/" .. name .. "/"):find("/../", 1, true) then
    return err.fail("invalid_argument", ("'%s' is not below the policy's folder"):format(name))
  end
  return read_all(folder .. name, DATA_MAX)
end

--- Reads the policy's own file, and those of the data.
---@param path string
---@param data table<string, string> paths by name
---@return table?
---@return kavach.Error?
function M.read(path, data)
  local folder, name = path:match "^(.*/)([^/]*)$"
  local given = {
    path = path, folder = folder or "", files = {}, data = {}, data_names = {}, data_size = 0,
  }
  local text, why = read_all(path, SOURCE_MAX)
  if not text then return nil, why end
  given.files[1] = { name = name or path, text = text }
  add_likely(given, text)
  return read_data(given, data)
end

--- Adds a file that an include asks for: `by` says where, and which files led to it.
---@param given table
---@param name string "base.lua"
---@param by string
---@return true?
---@return kavach.Error?
function M.add(given, name, by)
  local text, why = read_all(given.folder .. name, SOURCE_MAX)
  if not text then
    return err.fail("invalid_argument", ("%s%s: %s"):format(given.folder, by, why.message))
  end
  if #given.files == FILES_MAX then
    return err.fail("invalid_argument", ("%s: it has more than %d files"):format(given.path,
      FILES_MAX))
  end
  given.files[#given.files + 1] = { name = name, text = text }
  return true
end

--- What loading failed for, with the path of the file that it names.
---@param given table
---@param message string
---@return kavach.Error
function M.named(given, message)
  for _, file in ipairs(given.files) do
    if message:sub(1, #file.name + 1) == file.name .. ":" then
      return err.new("invalid_argument", given.folder .. message)
    end
  end
  return err.new("invalid_argument", ("%s: %s"):format(given.path, message))
end

--- SHA-256 of the files, each with its name, in the order in which they ran.
---@param given table
---@param names string[]
---@return string hex
function M.digest(given, names)
  local texts, parts = {}, {}
  for _, file in ipairs(given.files) do texts[file.name] = file.text end
  for i, name in ipairs(names) do parts[i] = ("<s4s4"):pack(name, texts[name]) end
  return snp.hex(snp.sha256(table.concat(parts)))
end

--- SHA-256 of each file of data.
---@param given table
---@return table<string, string> hex
function M.data_digests(given)
  local digests = {}
  for name, bytes in next, given.data do digests[name] = snp.hex(snp.sha256(bytes)) end
  return digests
end

return M
