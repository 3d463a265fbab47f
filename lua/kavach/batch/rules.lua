--- What a job may be asked for, and what its batch may say for all of them, in the rules of
--- kavach.check. What each option means stands in lua/kavach/meta/batch.lua.

local M = {}

local MIB <const> = 1024 * 1024
local YEARS_MS <const> = 10 * 366 * 24 * 3600 * 1000
local MOST_OUTPUT <const> = 1 << 40
-- The journal numbers a job's attempts, of all runs together, up to 65535.
local MOST_RETRIES <const> = 10000
local TAG_MOST <const> = 256
local PRIORITY_MOST <const> = 1000000000

M.ID_MOST = 65536

-- ---- kinds of values -------------------------------------------------------------------------

local function text(what, most)
  return function(value)
    if value == "" then return nil, what .. ", not an empty one" end
    if value:find("\0", 1, true) then return nil, what .. " without a NUL" end
    if #value > most then return nil, ("%s of at most %d bytes"):format(what, most) end
    return value
  end
end

local PATH_MOST <const> = 4095 -- Linux: PATH_MAX, with its NUL
M.PATH = { type = "string", fn = text("a path", PATH_MOST) }
M.ID = { type = "string", fn = text("a text", M.ID_MOST), required = true }

local function duration(default)
  return { type = "integer", min = 0, max = YEARS_MS, default = default }
end

-- ---- command and environment -----------------------------------------------------------------

---@param argv table
---@return string[]? copy
---@return string? must
function M.argv(argv)
  local words, count = {}, 0
  for key, word in next, argv do
    if math.type(key) ~= "integer" or type(word) ~= "string" then
      return nil, "a list of strings, without holes or other keys"
    end
    if word:find("\0", 1, true) then return nil, "words without a NUL" end
    count = count + 1
    words[key] = word
  end
  if count ~= #words then return nil, "a list of strings, without holes or other keys" end
  if not words[1] or words[1] == "" then return nil, "a program and its arguments" end
  return words
end

local line = text("a line for the shell", 1 << 30)

local COMMAND <const> = {
  type = { "string", "table" }, required = true,
  fn = function(command)
    if type(command) == "string" then return line(command) end
    return M.argv(command)
  end,
}

local function check_env(env)
  for name, value in next, env do
    if name == "" or name:find "[=%z]" then
      return nil, ("a map of variables, and %q is not the name of one"):format(name)
    elseif value:find("\0", 1, true) then
      return nil, ("a map of strings without a NUL, and '%s' has one"):format(name)
    end
  end
  return env
end

-- ---- what goes in and out --------------------------------------------------------------------

-- Where in the guest a path of the host goes by itself.
local FOLDER <const> = "/in"

local function has_parent(path)
  return ("/" .. path .. "/"):find("/../", 1, true) ~= nil
end

local function target_of(source)
  if has_parent(source) then
    return nil, ("one with a target: '%s' has '..' in it"):format(source)
  end
  local path = ("/" .. source .. "/"):gsub("/%./", "/"):gsub("/%./", "/"):gsub("/+", "/")
  return FOLDER .. path:sub(1, -2)
end

local function no_nul(value)
  return type(value) == "string" and value ~= "" and not value:find("\0", 1, true)
end

local function only(entry, ...)
  local known = {}
  for _, key in ipairs { ... } do known[key] = true end
  for key in next, entry do
    if not known[key] then
      return nil, ("tables of %s alone, and one has %s"):format(table.concat({ ... }, " and "),
        type(key) == "string" and ("'%s'"):format(key) or tostring(key))
    end
  end
  return true
end

local function put_entry(entry)
  if type(entry) == "string" then entry = { source = entry } end
  if type(entry) ~= "table" or not no_nul(entry.source) then
    return nil, "paths, or tables of source and target"
  end
  local fine, must = only(entry, "source", "target")
  if not fine then return nil, must end
  local target = entry.target
  if target == nil then target, must = target_of(entry.source) end
  if target == nil then return nil, must end
  if not no_nul(target) or target:sub(1, 1) ~= "/" then
    return nil, "tables whose targets are absolute paths in the guest"
  end
  return { source = entry.source, target = target }
end

local function get_entry(entry)
  if type(entry) == "string" then entry = { pattern = entry } end
  if type(entry) ~= "table" or not no_nul(entry.pattern) then
    return nil, "patterns, or tables of pattern and target"
  end
  local fine, must = only(entry, "pattern", "target")
  if not fine then return nil, must end
  for _, path in ipairs { entry.pattern, entry.target } do
    if not no_nul(path) or path:sub(1, 1) == "/" or has_parent(path) then
      return nil, ("relative paths without '..', and %s is not one"):format(
        type(path) == "string" and ("'%s'"):format(path) or "a " .. type(path))
    end
  end
  return { pattern = entry.pattern, target = entry.target }
end

-- A list of entries, or one alone.
local function list_of(read)
  return { fn = function(value)
    if type(value) == "string" or type(value) == "table" and (value.source or value.pattern) then
      value = { value }
    end
    if type(value) ~= "table" then return nil, "a list, or one alone" end
    local out, count = {}, 0
    for _ in next, value do count = count + 1 end
    for i = 1, count do
      local entry, must = read(rawget(value, i))
      if not entry then return nil, must end
      out[i] = entry
    end
    return out[1] and out or false
  end }
end

local function check_needs(needs)
  if type(needs) == "string" then needs = { needs } end
  if type(needs) ~= "table" then return nil, "a list of ids, or one" end
  local out, count = {}, 0
  for _ in next, needs do count = count + 1 end
  for i = 1, count do
    local id = rawget(needs, i)
    if type(id) ~= "string" then return nil, "a list of ids, without holes or other keys" end
    out[i] = id
  end
  return out[1] and out or false
end

-- ---- the rules -------------------------------------------------------------------------------

--- What a job may have and its batch may give to all of them. The defaults are the batch's.
M.SHARED = {
  sandbox = { type = { "boolean", "table" }, fn = function(value)
    if value == true then return nil, "a table of options, or false" end
    return value
  end },
  reuse = { type = "boolean", default = false },
  env = { map = "string", fn = check_env },
  cwd = M.PATH,
  user = { type = "string", fn = text("a user", 256) },
  timeout_ms = duration(0), grace_ms = duration(2000),
  max_output = { type = "integer", min = 0, max = MOST_OUTPUT, default = 64 * MIB },
  retries = { type = "integer", min = 0, max = MOST_RETRIES, default = 0 },
  retry_if = { type = "function" },
  retry_delay_ms = duration(1000), retry_max_ms = duration(60000),
  priority = { type = "integer", min = -PRIORITY_MOST, max = PRIORITY_MOST, default = 0 },
  tag = { type = "string", default = "", fn = function(tag)
    return tag == "" and tag or text("a text", TAG_MOST)(tag)
  end },
}

--- What is a job's alone. `false` stands for a list that is empty.
M.JOB = {
  id = M.ID, command = COMMAND, stdin = { type = "string" },
  put = list_of(put_entry), get = list_of(get_entry), needs = { fn = check_needs },
}
for name, rule in next, M.SHARED do M.JOB[name] = rule end

return M
