local attest = require "kavach.attest"
local attested = require "support.attested"
local decision_log = require "kavach.attest.decision_log"
local host = require "support.host"
local json = require "kavach.json"

describe("a decision log", function()
  local folder, remove, path

  before_each(function()
    folder, remove = host.folder()
    path = folder .. "/decisions.jsonl"
  end)

  after_each(function() remove() end)

  local function decision(changes)
    return attest.verify(attested.bytes(changes), "strict", { now = attested.NOW })
  end

  local function lines(name)
    local list = {}
    for line in io.lines(name or path) do list[#list + 1] = assert(json.decode(line)) end
    return list
  end

  it("has the whole decision, its time, and digests of what it was about", function()
    local log <close> = assert(decision_log.open(path))
    local one = decision()
    assert(log:write(one))
    local line = lines()[1]
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", line.time)
    assert.equal(64, #line.evidence_digest)
    assert.equal(one.decision_id, line.decision_id)
    assert.equal(32, #line.decision_id)
    line.time, line.evidence_digest, line.nonce = nil, nil, nil
    assert.same(assert(json.decode(one:to_json())), line)
  end)

  it("tells evidence apart by its digest, and decisions by their ids", function()
    local log <close> = assert(decision_log.open(path))
    for _, svn in ipairs { 1, 1, 2 } do assert(log:write(decision { guest_svn = svn })) end
    local list = lines()
    assert.equal(list[1].evidence_digest, list[2].evidence_digest)
    assert.not_equal(list[1].evidence_digest, list[3].evidence_digest)
    assert.not_equal(list[1].decision_id, list[2].decision_id)
  end)

  it("goes on behind what is there, and lets others do so", function()
    host.write(path, "{}\n")
    local one <close> = assert(decision_log.open(path))
    local two <close> = assert(decision_log.open(path))
    assert(one:write(decision()))
    assert(two:write(decision()))
    assert(one:write(decision()))
    assert.equal(4, #lines())
  end)

  it("begins another file when its own was moved away", function()
    local log <close> = assert(decision_log.open(path))
    assert(log:write(decision()))
    assert(os.rename(path, path .. ".1"))
    assert(log:write(decision()))
    assert.same({ 1, 1 }, { #lines(path .. ".1"), #lines() })
    assert(os.remove(path))
    assert(log:write(decision()))
    assert.equal(1, #lines())
  end)

  it("says when nothing can be written", function()
    local none, why = decision_log.open(folder .. "/none/log")
    assert.is_nil(none)
    assert.matches("decision log: .*No such file", why.message)
    local full = assert(decision_log.open "/dev/full")
    none, why = full:write(decision())
    assert.is_nil(none)
    assert.same({ "io", "decision log: /dev/full: No space left on device" },
      { why.kind, why.message })
  end)

  it("has a line for evidence that cannot be read", function()
    local log <close> = assert(decision_log.open(path))
    assert(log:write(attest.verify("nothing", "strict")))
    local line = lines()[1]
    assert.is_false(line.allow)
    assert.equal(json.null, line.evidence_digest)
  end)
end)
