--- The annotations of kavach's API (lua/kavach/meta), read as text, once, when they are first asked
--- for: what help and completion know of it.

local types = require "kavach.prompt.annotations.types"

local M = {}

---@class kavach.prompt.documented
---@field name string
---@field summary string the first sentences, in one line
---@field example? string Lua
---@field see string[]

---@class kavach.prompt.field
---@field name string
---@field type string
---@field optional boolean
---@field text string

---@class kavach.prompt.callable: kavach.prompt.documented
---@field method boolean whether it is called with ":"
---@field declared string its parameters, as they stand in its line
---@field params kavach.prompt.field[]
---@field returns { type: string, text: string }[]

---@class kavach.prompt.class: kavach.prompt.documented
---@field base? string
---@field fields kavach.prompt.field[]
---@field functions kavach.prompt.callable[]
---@field members table<string, kavach.prompt.field|kavach.prompt.callable> by name
---@field call? kavach.prompt.callable what calling a value of it is

local TAGS <const> = {}

-- "name? type text", the mark at the name or at the type.
local function field(text)
  local name, mark, rest = text:match "^([%w_.]+)(%??)%s*(.*)$"
  local of, about = types.split(rest)
  local optional = mark == "?" or of:sub(-1) == "?"
  return { name = name, type = optional and of:gsub("%?$", "") or of, optional = optional,
    text = about }
end

function TAGS.field(block, text)
  if text:find "^[%w_]" then table.insert(block.fields, field(text)) end
end

function TAGS.param(block, text) table.insert(block.params, field(text)) end

TAGS["return"] = function(block, text)
  local of, about = types.split(text)
  table.insert(block.returns, { type = of, text = about })
end

function TAGS.see(block, text) table.insert(block.see, text) end

function TAGS.class(block, text)
  block.class, block.base = text:match "^([%w_.]+):?%s*([%w_.]*)"
end

function TAGS.overload(block, text)
  local params, results = text:match "^fun(%b()):?%s*(.*)$"
  local call = { method = false, params = types.fields(params:sub(2, -2)), returns = {} }
  for _, param in ipairs(call.params) do
    param.type, param.text = param.type:gsub("%?$", ""), ""
  end
  while results ~= "" do
    local of, rest = types.split(results)
    table.insert(call.returns, { type = of, text = "" })
    results = rest:match "^,%s*(.*)$" or ""
  end
  block.call = call
end

-- ---- one block of comments ---------------------------------------------------------------------

local function new_block()
  return { text = {}, fields = {}, params = {}, returns = {}, see = {} }
end

-- A line of a block, without its "---". A tag goes on in lines that begin with a blank.
local function take(block, line)
  if block.code then
    if line:find "^%s*```" then
      block.example, block.code = table.concat(block.code, "\n"), nil
    else
      table.insert(block.code, line)
    end
  elseif line:find "^%s*```" then
    block.code = {}
  elseif line:sub(1, 1) == "@" then
    block.tag, block.value = line:match "^@(%a+)%s*(.*)$"
    return
  elseif block.tag and line:sub(1, 1) == " " then
    block.value = block.value .. line
    return
  elseif not block.tag then
    table.insert(block.text, line:match "^%s*(.*)$")
  end
end

-- What the tag says that the last lines were.
local function settle(block)
  local read = block.tag and TAGS[block.tag]
  if read then read(block, block.value) end
  block.tag = block.tag and "" -- what follows a tag is no text of the block
end

local function first_paragraph(lines)
  local out = {}
  for _, line in ipairs(lines) do
    if line == "" then break end
    out[#out + 1] = line
  end
  return table.concat(out, " ")
end

-- ---- classes and functions ---------------------------------------------------------------------

local function class_of(classes, block)
  local class = classes[block.class]
  if not class then
    class = {
      name = block.class, summary = "", see = {}, fields = {}, functions = {}, members = {},
    }
    classes[block.class] = class
  end
  if block.base ~= "" then class.base = block.base end
  if #block.text > 0 then class.summary = first_paragraph(block.text) end
  class.example, class.call = block.example or class.example, block.call or class.call
  table.move(block.see, 1, #block.see, #class.see + 1, class.see)
  for _, each in ipairs(block.fields) do
    table.insert(class.fields, each)
    class.members[each.name] = each
  end
  return class
end

local function add_function(class, block, mark, name, declared)
  local made = {
    name = name, method = mark == ":", declared = declared,
    params = block.params, returns = block.returns,
    summary = first_paragraph(block.text), example = block.example, see = block.see,
  }
  table.insert(class.functions, made)
  class.members[name] = made
end

-- What stands below a block, which may be empty: a class's table, or a function.
local function read_code(classes, variables, block, line)
  local class = block.class and class_of(classes, block)
  local variable = line:match "^local ([%w_]+) = {}"
  if variable and class then variables[variable] = class end
  local owner, mark, name, declared = line:match "^function ([%w_]+)([.:])([%w_]+)%((.-)%)"
  class = owner and variables[owner]
  if class then add_function(class, block, mark, name, declared) end
end

--- Reads the text of one file into a table of classes.
---@param text string
---@param classes table<string, kavach.prompt.class>
function M.read(text, classes)
  local block, variables = new_block(), {}
  for line in text:gmatch "([^\n]*)\n" do
    local comment = line:match "^%-%-%-(.*)$"
    if comment then
      if comment:sub(1, 1) == "@" then settle(block) end
      take(block, comment)
    else
      settle(block)
      read_code(classes, variables, block, line)
      block = new_block()
    end
  end
end

-- ---- all of them -------------------------------------------------------------------------------

local all

-- The folder of the annotations, beside the one of this file.
local function folder()
  local path = package.searchpath("kavach.prompt.annotations", package.path)
  return path and path:gsub("prompt/annotations%.lua$", "meta")
end

--- The classes of all annotations, by name; none if they are not installed.
---@return table<string, kavach.prompt.class>
function M.classes()
  if all then return all end
  all = {}
  local where, lfs = folder(), require "lfs"
  if not where or lfs.attributes(where, "mode") ~= "directory" then return all end
  for name in lfs.dir(where) do
    local file <close> = name:find "%.lua$" and io.open(where .. "/" .. name) or nil
    if file then M.read((file:read "a" or "") .. "\n", all) end
  end
  return all
end

--- What a class has by that name, or what it is made of.
---@param class string?
---@param name string
---@return kavach.prompt.field|kavach.prompt.callable|nil
function M.member(class, name)
  local classes = M.classes()
  for _ = 1, 10 do
    local found = class and classes[class]
    if not found then return nil end
    if found.members[name] then return found.members[name] end
    class = found.base
  end
end

--- All fields of a class, and of what it is made of.
---@param class string
---@return kavach.prompt.field[]
function M.fields(class)
  local list = {}
  for _ = 1, 10 do
    local found = M.classes()[class]
    if not found then break end
    table.move(found.fields, 1, #found.fields, #list + 1, list)
    class = found.base
  end
  return list
end

return M
