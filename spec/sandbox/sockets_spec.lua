local core = require "kavach.core"
local host = require "support.host"
local sockets = require "kavach.sandbox.sockets"
local stream = require "kavach.stream"

describe("A VM's other sockets", function()
  local folder, remove
  before_each(function() folder, remove = host.folder() end)
  after_each(function() remove() end)

  local function connect(name) return assert(core.connect(folder .. "/" .. name)) end

  it("hand each connection to whom it is for, once, and close with it", function()
    local got = {}
    local opened = assert(sockets.open(folder, {
      one = function(to) got.one = to end, two = function(to) got.two = to end,
    }))
    opened:accept(function(why) error(why) end)
    local one, two = connect "one", connect "two"
    assert.is_true(host.eventually(function() return got.one and got.two end))
    stream.wrap(got.one):write "for one"
    assert.equal("for one", stream.wrap(one):read())
    assert.is_nil((core.connect(folder .. "/one")))
    opened:close()
    for _, far in ipairs { one, two } do assert.is_nil((stream.wrap(far):read())) end
  end)

  it("say why they cannot be listened on, and then there are none", function()
    local none, why = sockets.open(folder .. "/none", { one = function() end })
    assert.is_nil(none)
    assert.matches("none/one", why, 1, true)
  end)
end)
