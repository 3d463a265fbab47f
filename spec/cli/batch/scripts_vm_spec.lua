-- The batches of scripts/jobs, and what only jobs in guests can do, as a user would run them.

local batch = require "support.batch_program"
local json = require "kavach.json"
local lfs = require "lfs"

describe("kavach batch in virtual machines #vm", function()
  local scripts = lfs.currentdir() .. "/scripts/jobs"
  setup(batch.setup)
  teardown(batch.teardown)

  it("runs demo.lua: a graph in twelve VMs, of which one is tried again", function()
    local code, _, errors = batch.shell(("$K batch %s/demo.lua --report r.html"):format(scripts))
    assert.equal(0, code, errors)
    assert.matches("retry  part-5: exit code 75, again in", errors, 1, true)
    local reader <close> = batch.journal "demo"
    assert.same({ 12, 12 }, { reader:counts().done, reader:counts().total })
    local tries = batch.tries "demo"
    for id, count in pairs(tries) do assert.equal(id == "part-5" and 2 or 1, count, id) end
    local html = batch.read "r.html"
    assert.matches("part-5", html, 1, true)
    assert.matches("</html>", html, 1, true)
    assert.equal("", (batch.ok "ls -A runtime/kavach | grep vm- || true"))
  end)

  it("runs thumbnails.lua, whose results are folders with the files that were made", function()
    batch.write("a.pgm", ("a"):rep(2000))
    batch.write("b.pgm", "b")
    batch.ok(("$K batch %s/thumbnails.lua -q --results thumbs a.pgm b.pgm"):format(scripts))
    assert.equal(("a"):rep(1024), batch.read "thumbs/a.pgm/files/out/a.pgm.thumb")
    assert.equal("b", batch.read "thumbs/b.pgm/files/out/b.pgm.thumb")
    assert.equal("a.pgm b.pgm\n", batch.read "thumbs/index/stdout")
    assert.equal(0, assert(json.decode(batch.read "thumbs/index/result.json")).exit_code)
  end)

  it("resumes slow.lua after its runner was killed, and loses no job", function()
    local p <close> = batch.start(("exec $K batch %s/slow.lua --jobs 1 3"):format(scripts))
    batch.await(function()
      local _, out = batch.shell "$K batch logs slow nap-1"
      return out == "rested\n"
    end)
    os.execute("kill -9 " .. p:pid())
    batch.exit(p)
    batch.ok "$K batch resume -q slow --jobs 2"
    assert.same({ ["nap-1"] = "done", ["nap-2"] = "done", ["nap-3"] = "done" }, batch.states "slow")
    assert.equal(1, batch.tries "slow"["nap-1"])
    local document = assert(json.decode(batch.ok "$K batch status slow --json"))
    assert.same({ "done", 3, json.null }, { document.state, document.counts.done, document.live })
    assert.equal("rested\n", (batch.ok "$K batch logs slow nap-3"))
  end)

  it("gives a command files, takes some back, as somebody, in a guest that is kept", function()
    batch.write("in.txt", "given\n")
    batch.write("inputs", "one\ntwo\n")
    local out = batch.ok "$K batch -q --name kept --jobs 1 --reuse --memory 128 --user 1000 \\\
      --workdir /tmp --put in.txt:/data/in --get '{}.out' --results R -a inputs \\\
      --command 'id -u; cat /data/in; echo {} >{}.out; ls /tmp; '"
    -- The second finds what the first has left.
    assert.equal("1000\ngiven\none.out\n1000\ngiven\none.out\ntwo.out\n", out)
    assert.equal("two\n", batch.read "R/two/files/two.out")
    local reader <close> = batch.journal "kept"
    local boots = {}
    for attempt in reader:attempts() do boots[#boots + 1] = attempt.boot_ms > 0 end
    assert.same({ true, false }, boots)
  end)

  it("fails a job that fills its disk, or its memory, and no other", function()
    batch.write("hostile.lua", [[
      local batch = require "kavach".batch {
        name = "hostile", jobs = 2, timeout_ms = 60000, sandbox = { memory_limit_mb = 128 } }
      batch:job { id = "fills", command = "cat /dev/zero >/tmp/full" }
      batch:job { id = "fine", command = "echo fine" }
      return batch]])
    local code, out, errors = batch.shell "$K batch hostile.lua --output"
    assert.same({ 2, "fine\n" }, { code, out })
    assert.same({ fills = "failed", fine = "done" }, batch.states "hostile")
    assert.matches("failed  fills: ", errors, 1, true)
  end)
end)
