local batch = require "support.batch_watch"
local core = require "kavach.core"
local host = require "support.host"
local outputs = require "kavach.cli.batch.outputs"
local stream = require "kavach.stream"
local task = require "kavach.task"
local writer = require "kavach.cli.batch.writer"

local function ended(job, seq, stdout, stderr, state)
  return batch.ended(job, state or "done", { seq = seq, result = {
    stdout = type(stdout) == "table" and stdout or { text = stdout or "" },
    stderr = { text = stderr or "" } } })
end

--- What is written to standard output and standard error.
local function written(options, ...)
  options.stdout, options.stderr = batch.sink(), batch.sink()
  do
    local out <close> = outputs.open(options)
    for _, e in ipairs { ... } do out:event(e) end
  end
  return options.stdout:text(), options.stderr:text()
end

--- A pair of unix sockets: a writer on one, a kavach.Stream on the other.
local function pair(on_lost)
  local folder, remove = host.folder()
  local listener = assert(stream.listen(folder .. "/socket"))
  local client = assert(stream.connect(folder .. "/socket"))
  local server = assert(listener:accept())
  listener:close()
  remove()
  return writer.new(client.raw, "the socket", on_lost), server
end

describe("what jobs print", function()
  it("is printed whole when they end, to our standard output and error", function()
    local out, errors = written({}, { event = "started", job = "a" },
      ended("b", 2, "b1\nb2\n", "eb\n"),
      ended("a", 1, "a", "ea"), ended("c", 3, "no\n", "no\n", "retry"),
      ended("c", 3, "c\n", "", "failed"))
    assert.equal("b1\nb2\nac\n", out)
    assert.equal("eb\nea", errors)
  end)

  it("has its job's id before each line with a tag", function()
    local big = host.write(os.tmpname(), ("y"):rep(70000) .. "\nz")
    local out = written({ tag = true }, ended("a%1\n", 1, "1\n\n2"), ended("b", 2, ""),
      ended("c", 3, { path = big }))
    os.remove(big)
    assert.equal("a%1\\x0a\t1\na%1\\x0a\t\na%1\\x0a\t2c\t" .. ("y"):rep(70000) .. "\nc\tz", out)
  end)

  it("comes in the order of the jobs if that is asked for", function()
    local out = written({ keep_order = true }, ended("c", 3, "c"), ended("a", 1, "a"),
      { event = "skipped", job = "b", seq = 2 }, ended("e", 5, "e"))
    assert.equal("ace", out) -- at the end, e does not wait for d
    local sink = batch.sink()
    local kept = outputs.open { stdout = sink, stderr = sink, keep_order = true,
      over = function(seq) return seq ~= 3 and seq ~= 6 end }
    kept:event(ended("f", 6, "f"))
    assert.equal("", sink:text())
    kept:event(ended("c", 3, "c"))
    assert.equal("cf", sink:text())
    kept:close()
  end)

  it("is read from the journal again rather than held, if much has to wait", function()
    local large, read = ("x"):rep(60000), 0
    local sink = batch.sink()
    local kept = outputs.open { stdout = sink, stderr = sink, keep_order = true,
      read = function(_, _, name)
        read = read + 1
        return { text = name == "stdout" and large or "" }
      end }
    for seq = 2, 400 do kept:event(ended("j", seq, large)) end
    collectgarbage()
    assert.equal(0, read)
    kept:event(ended("j", 1, large))
    assert.is_true(read > 0)
    assert.equal(400 * #large, #sink:text())
    kept:close()
  end)

  it("is copied from its file in pieces, no faster than it is read", function()
    task.run(function()
      local path = host.write(os.tmpname(), ("0123456789abcdef"):rep(1 << 18)) -- 4 MiB
      local out <close>, reader = pair()
      local printed = outputs.open { stdout = out, stderr = batch.sink() }
      printed:event(ended("a", 1, { path = path }))
      printed:event(ended("b", 2, "the end"))
      task.yield()
      local unsent = out:unsent()
      local all = task.spawn(function() return reader:read_all() end)
      printed:close()
      out:close()
      local text = all:await()
      assert.is_true(unsent <= 2 << 20)
      assert.equal((4 << 20) + 7, #text)
      assert.equal("the end", text:sub(-7))
      os.remove(path)
    end)
  end)

  it("that cannot be read is complained of", function()
    local _, errors = written({}, ended("a", 1, { path = "/nonexistent/a" }))
    assert.matches("^kavach: the output of a job cannot be read: /nonexistent/a", errors)
  end)
end)

describe("a writer", function()
  it("gathers what is written, and writes it soon", function()
    task.run(function()
      local out <close>, reader = pair()
      local begun = core.now()
      for i = 1, 1000 do out:write(i .. "\n") end
      assert.matches("^1\n2\n.*1000\n$", reader:read())
      assert.is_true(core.now() - begun < 50)
      assert.equal(0, out:unsent())
    end)
  end)

  it("does not wait for who reads, unless it is told to", function()
    task.run(function()
      local out, reader = pair()
      for _ = 1, 64 do out:write(("x"):rep(65536)) end
      assert.is_true(out:unsent() > 1 << 20)
      local ok, why = out:wait(0, 10)
      assert.is_nil(ok)
      assert.equal("timeout", why.kind)
      local all = task.spawn(function() return #reader:read_all() end)
      assert.is_true(out:wait(0))
      assert.is_true(out:close())
      assert.equal(64 * 65536, all:await())
    end)
  end)

  it("tells once that nobody reads any more", function()
    task.run(function()
      local told = {}
      local out, reader = pair(function(why) told[#told + 1] = why end)
      reader:close()
      out:write "x"
      out:flush()
      assert.is_nil(out:write "y")
      assert.equal(1, #told)
      assert.is_true(told[1].broken)
      assert.is_nil((out:wait()))
      assert.is_nil((out:close()))
    end)
  end)
end)
