-- rules_corpus.lua DIR: seeds for the targets of the policy VM, DIR/TARGET/SEED: policies, data,
-- and the messages that bring them.

local lfs = require "lfs"

local dir = assert(arg[1], "usage: lua5.4 rules_corpus.lua DIR")
local spec = arg[0]:match "^(.*)/fuzz/[^/]*$" or "."

local function write(target, seeds)
  lfs.mkdir(dir .. "/" .. target)
  for name, content in pairs(seeds) do
    local file <close> = assert(io.open(("%s/%s/%s"):format(dir, target, name), "wb"))
    assert(file:write(content))
  end
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- ---- policies ----------------------------------------------------------------------------------

local policies = { good = read(spec .. "/rules/policies/good.lua") }
for name in lfs.dir(spec .. "/rules/attacks") do
  if name:find "%.lua$" then policies[name] = read(spec .. "/rules/attacks/" .. name) end
end
policies.groups = [[
policy "p"
expect { vmpl = { max = 0 }, measurement = { "00", data.known.list } }
any_of "x" { rule "a" (function(e) return e.report.vmpl == 0 end), expect { crl = "required" } }
rule "b" (function(e) return data.known[e.report.chip_id].floor == 3 and e.now > 0 end)
]]
write("rules_policy", policies)

-- ---- data --------------------------------------------------------------------------------------

local documents = {
  object = '{"a": [1, -2.5e3, true, false, null], "b": {"": "x\\u00e9\\ud83d\\ude00\\n"}}',
  deep = ("["):rep(29) .. ("]"):rep(29), duplicate = '{"b":1,"a":2,"b":3}', number = "-0.5E-7",
  text = '"é😀"',
}
write("rules_json", documents)

-- ---- messages: see core/rules/blob.h -----------------------------------------------------------

local node

local function members(tag, list, write_one)
  local at, offsets, parts = 9, {}, {}
  for i, item in ipairs(list) do
    parts[i] = write_one(item)
    offsets[i] = ("<I4"):pack(at)
    at = at + #parts[i]
  end
  local tables = table.concat(offsets)
  return ("<c1I4I4"):pack(tag, at + #tables, #list) .. table.concat(parts) .. tables
end

function node(value)
  if type(value) == "string" then return "s" .. ("<s4"):pack(value) end
  if math.type(value) == "integer" then return "i" .. ("<i8"):pack(value) end
  if type(value) == "boolean" then return value and "t" or "f" end
  if type(value) ~= "table" then return "n" end
  if value[1] ~= nil or next(value) == nil then return members("a", value, node) end
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  return members("o", names, function(name) return ("<s4"):pack(name) .. node(value[name]) end)
end

local messages = {
  evaluate = node { op = "evaluate", items = { { report = { vmpl = 0 }, now = 1 } } },
  values = node { a = { 1, true, false, "x", { b = { {} } } } },
}
for name, text in pairs { good = policies.good, groups = policies.groups } do
  messages[name] = node {
    op = "load", steps = 10000, memory = 1 << 20, files = { { name = "p.lua", text = text } },
    data = { { name = "known", text = documents.object } },
  }
end
write("rules_message", messages)
