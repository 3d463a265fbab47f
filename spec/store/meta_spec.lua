--- The annotations of the C module name what it has: no more, and no less.

local host = require "support.host"
local store = require "kavach.store"

local function annotated(class)
  local names = {}
  for line in io.lines "lua/kavach/meta/store.lua" do
    names[#names + 1] = line:match("^function " .. class .. "[.:]([%w_]+)%(")
  end
  table.sort(names)
  return names
end

local function names_of(members)
  local names = {}
  for name in pairs(members) do
    if not name:find "^__" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

describe("the annotations of kavach.store", function()
  it("name every function and method, and none that there is not", function()
    local folder, remove = host.folder()
    local db <close> = assert(store.open(folder .. "/a.db", { create = true }))
    local reader <close> = assert(store.reader(folder .. "/a.db"))
    assert.same(names_of(store), annotated "store")
    assert.same(names_of(getmetatable(db).__index), annotated "Store")
    assert.same(names_of(getmetatable(reader).__index), annotated "Reader")
    assert.same(names_of(getmetatable(store.unit()).__index), annotated "Unit")
    remove()
  end)
end)
