--- A pool of real guests. The first makes the template of which the others are copies.

local kavach = require "kavach"
local saveable = require "support.saveable"

describe("A pool of guests #vm", function()
  setup(function() saveable.setup() end)
  teardown(saveable.teardown)

  it("gives machines that are ready, each of its own", function()
    local pool <close> = assert(kavach.pool {
      size = 2, sandbox = { backend = "tcg", memory_limit_mb = 128 },
    })
    local seen = {}
    for i = 1, 4 do
      local box <close> = assert(pool:take())
      assert.equal(i == 1, box.template.made or false)
      assert.equal(saveable.only().entry.digest, box.template.digest)
      local said = assert(box:exec "cat /etc/machine-id; echo mine >/tmp/file$$; ls /tmp").stdout
      local id, files = said:match "^(%x+)\n(.*)$"
      assert.is_nil(seen[id])
      assert.matches("^file%d+\n$", files)
      seen[id] = true
    end
  end)
end)
