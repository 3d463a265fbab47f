--- Mistakes in policies that can be seen without evidence.

local conditions = require "kavach.attest.lint.conditions"
local fields = require "kavach.attest.lint.fields"
local files = require "kavach.attest.script.files"
local luacheck = require "kavach.attest.lint.luacheck"
local script = require "kavach.attest.script"
local tokens_of = require "kavach.attest.lint.tokens"

local M = {}

---@class kavach.PolicyFinding
---@field file string
---@field line integer? where it has a place
---@field code string "load", "condition", "rule", "field", "data", "group" or luacheck's number
---@field message string

local function add(out, file, found)
  for _, one in ipairs(found) do
    one.file = file
    out[#out + 1] = one
  end
end

-- ---- loading -----------------------------------------------------------------------------------

-- An error's place and the rest of it: "folder/prod.lua:3: …".
local function of_error(why, given)
  local message = why.message
  for _, file in ipairs(given.files) do
    local path = given.folder .. file.name
    if message:sub(1, #path + 1) == path .. ":" then
      local line, rest = message:sub(#path + 2):match "^(%d+): (.*)$"
      if line then
        return { file = path, line = math.tointeger(tonumber(line)), code = "load", message = rest }
      end
    end
  end
  local prefix = given.path .. ": "
  if message:sub(1, #prefix) == prefix then message = message:sub(#prefix + 1) end
  return { file = given.path, code = "load", message = message }
end

-- Loads it as an evaluation would.
local function load(given, out)
  local policy, why = script.make(given, script.options({}, 1))
  if not policy then
    out[#out + 1] = of_error(why, given)
    return nil
  end
  policy:close()
  return policy
end

-- ---- what was stated ---------------------------------------------------------------------------

local function add_statements(policy, given, out)
  local members = {}
  for _, statement in ipairs(policy.script.statements) do
    members[statement.group] = (members[statement.group] or 0) + 1
  end
  for i, statement in ipairs(policy.script.statements) do
    local is_group = statement.kind == "any_of" or statement.kind == "all_of"
    if is_group and members[i] == 1 then
      out[#out + 1] = {
        file = given.folder .. statement.file, line = statement.line, code = "group",
        message = ("%s '%s' has one member, and is of no use"):format(statement.kind,
          statement.text),
      }
    end
  end
  if policy.script.empty then
    out[#out + 1] = { file = given.path, code = "rule",
      message = "it has no expectations and no rules: it denies everything" }
  end
end

-- Tables of data that nothing in the text names.
local function add_data(given, used, out)
  for _, name in ipairs(given.data_names) do
    if not used[name] and not used["*"] then
      out[#out + 1] = { file = given.path, code = "data",
        message = ("data '%s' is given, and never used"):format(name) }
    end
  end
end

local function note_data(tokens, used)
  for i, token in ipairs(tokens) do
    if token.kind == "name" and token.text == "data" then
      local dot, name = tokens[i + 1], tokens[i + 2]
      local plain = dot and dot.text == "." and name and name.kind == "name"
      used[plain and name.text or "*"] = true
    end
  end
end

-- ---- all ---------------------------------------------------------------------------------------

-- The files that ran; of a policy that does not load, its own.
local function files_of(given, policy)
  if not policy then return { given.files[1] } end
  local ran, list = {}, {}
  for _, name in ipairs(policy.script.files) do ran[name] = true end
  for _, file in ipairs(given.files) do
    if ran[file.name] then list[#list + 1] = file end
  end
  return list
end

local function check_texts(given, policy, out)
  local used, ran = {}, true
  for _, file in ipairs(files_of(given, policy)) do
    local path = given.folder .. file.name
    local tokens = tokens_of.of(file.text)
    note_data(tokens, used)
    add(out, path, conditions.check(tokens))
    add(out, path, fields.check(tokens))
    local found = luacheck.check(file.text)
    ran = ran and found ~= nil
    add(out, path, found or {})
  end
  add_data(given, used, out)
  return ran
end

-- In the order of their places, without what two say of one line and name.
local function sorted(out)
  local order = {}
  for i, one in ipairs(out) do order[one] = i end
  table.sort(out, function(a, b)
    if a.file ~= b.file then return a.file < b.file end
    if (a.line or 0) ~= (b.line or 0) then return (a.line or 0) < (b.line or 0) end
    return order[a] < order[b]
  end)
  return out
end

--- Looks for mistakes in a policy's file, and in those that it includes. Nil and an error if it
--- cannot be read.
---@param path string
---@param data table<string, string>? files by name, as policy.load takes them
---@return kavach.PolicyFinding[]?
---@return kavach.Error|boolean luacheck whether it was there to be asked
function M.check(path, data)
  local given, why = files.read(path, data or {})
  if not given then return nil, why end
  local out = {}
  local policy = load(given, out)
  if policy then add_statements(policy, given, out) end
  local ran = check_texts(given, policy, out)
  return sorted(out), ran
end

return M
