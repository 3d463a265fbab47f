local json = require "kavach.json"
local pair = require "support.pair"
local qmp = require "kavach.sandbox.qmp"
local task = require "kavach.task"

local GREETING = '{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}\r\n'

-- Serves as QEMU would: answer(request) gives what goes back.
local function serve(far, answer)
  far:write(GREETING)
  local rest = ""
  while true do
    local bytes = far:read()
    if not bytes then return end
    rest = rest .. bytes
    for line in rest:gmatch "([^\n]*)\n" do
      local request = assert(json.decode(line))
      local said = request.execute == "qmp_capabilities" and { ["return"] = {}, id = request.id }
        or answer(request)
      if type(said) == "table" then said = assert(json.encode(said)) .. "\r\n" end
      if said then far:write(said) end
    end
    rest = rest:match "([^\n]*)$"
  end
end

-- Runs test(client) against a server that answers so.
local function with(answer, test)
  task.scope(function()
    local near, far = pair.connect()
    local server = task.spawn(serve, far, answer)
    local client = qmp.new(near)
    test(client, far)
    client:close()
    server:cancel()
    far:close()
  end)
end

describe("QMP", function()
  it("negotiates and gives answers to those who asked, in whatever order they come", function()
    local held
    with(function(request)
      if request.execute == "slow" then
        held = request.id
        return nil
      end
      return json.encode { ["return"] = "quick", id = request.id } .. "\n"
        .. json.encode { ["return"] = "slow", id = held } .. "\n"
    end, function(client)
      local slow
      task.scope(function()
        local waiting = task.spawn(function() slow = client:execute "slow" end)
        task.yield()
        assert.equal("quick", client:execute "quick")
        waiting:await()
      end)
      assert.equal("slow", slow)
      assert.equal(7, client.version.qemu.major)
    end)
  end)

  it("gives QEMU's words when it refuses", function()
    with(function(request)
      return { error = { class = "GenericError", desc = "no such thing" }, id = request.id }
    end, function(client)
      local answer, why = client:execute "nothing"
      assert.is_nil(answer)
      assert.matches("refused nothing: no such thing", why.message, 1, true)
    end)
  end)

  it("keeps events apart from answers", function()
    with(function(request)
      return '{"event": "STOP", "timestamp": {}}\n'
        .. json.encode { ["return"] = {}, id = request.id } .. "\n"
    end, function(client)
      assert.is_table(client:execute "stop")
      assert.equal("STOP", client.events[1].event)
    end)
  end)

  it("does not wait for ever for an answer", function()
    with(function() end, function(client)
      local answer, why = client:execute("anything", nil, 20)
      assert.is_nil(answer)
      assert.equal("timeout", why.kind)
    end)
  end)

  it("ends with an error, not a crash, on what is not QMP", function()
    for _, garbage in ipairs {
      "\0\255garbage\n", "[]\n[1]\n{", "null\n", "{\"QMP\": 5}\n{\"id\": {}}\n\"x\"\n",
      ("x"):rep(2 * 1024 * 1024), '{"return": {}, "id": null}\n{"error": 7, "id": 2}\n',
    } do
      task.scope(function()
        local near, far = pair.connect()
        local client = qmp.new(near)
        local writer = task.spawn(function()
          far:write(garbage)
          far:shutdown()
        end)
        local answer, why = client:execute("query-status", nil, 5000)
        assert.is_nil(answer)
        assert.equal("io", why.kind)
        client:close()
        far:close()
        writer:await()
      end)
    end
  end)

  it("keeps no more than the last events", function()
    local near, far = pair.connect()
    local client = qmp.new(near)
    for _ = 1, 1000 do client:feed '{"event": "RESET"}\n' end
    assert.is_true(#client.events <= 64)
    client:close()
    far:close()
  end)
end)
