-- Standard input is kept in the journal as it comes, so that nothing that was read is lost.

local batch = require "support.batch_program"

-- Starts a batch of one job at a time for what is written to it.
local function start(name)
  return batch.start(("exec $K batch --no-sandbox --jobs 1 --name %s --command '\\\n"
    .. "[ {} != held ] || $T/until %s; echo {}'"):format(name, name))
end

local function kill(p)
  os.execute("kill -9 " .. p:pid())
  batch.exit(p)
end

local CUT <const> = "standard input: the batch ended before it was read to its end, and what came "
  .. "then is not known"

describe("a batch of standard input", function()
  setup(batch.setup)
  teardown(batch.teardown)

  it("that was read to its end is run to its end, whatever was killed", function()
    local p <close> = start "whole"
    p:write "a\nheld\nb\nc\n"
    p.stdin:close()
    batch.has_begun "whole"
    -- The end of it is in the journal, too, soon.
    batch.await(function()
      local reader <close> = batch.journal "whole"
      return select(2, reader:input_count()) == true
    end)
    kill(p)
    batch.let_go "whole"
    assert.equal("held\nb\nc\n", (batch.ok "$K batch resume whole"))
    assert.equal(1, batch.tries "whole".a)
  end)

  it("that was not is run as far as it is known, and then says so", function()
    local p <close> = start "cut"
    -- More than are in the queue at once, and the last line is not whole.
    local lines = { "held" }
    for i = 1, 1100 do lines[#lines + 1] = "x" .. i end
    p:write(table.concat(lines, "\n") .. "\nhal")
    batch.has_begun "cut"
    batch.await(function()
      local reader <close> = batch.journal "cut"
      local size = 0
      for i = 1, reader:input_count() do size = size + #reader:input(i) end
      return size == #table.concat(lines, "\n") + 4
    end)
    kill(p)
    batch.let_go "cut"
    local code, out, errors = batch.shell "$K batch resume -q --jobs 4 cut"
    assert.equal(1, code)
    table.sort(lines)
    assert.same(lines, batch.sorted(out))
    assert.matches("^kavach: batch cut: " .. CUT .. "\n"
      .. "kavach: batch cut: finished: 1101 done in [%d.]+ s %(an error%)\n$", errors)
    -- Also a third time, with nothing to do.
    code, out, errors = batch.shell "$K batch resume -q cut"
    assert.same({ 1, "" }, { code, out })
    assert.matches(CUT, errors, 1, true)
    assert.not_matches("to go on", errors, 1, true)
  end)

  it("keeps its header, too", function()
    local q <close> = batch.start "exec $K batch --no-sandbox --jobs 1 --name heads -q --csv \\\
      --header --command 'echo {n}; [ {n} != held ] || $T/until heads'"
    q:write "n,m\na,1\nheld,2\nb,3\n"
    q.stdin:close()
    batch.has_begun "heads"
    batch.await(function()
      local reader <close> = batch.journal "heads"
      return select(2, reader:input_count()) == true
    end)
    kill(q)
    batch.let_go "heads"
    assert.equal("held\nb\n", (batch.ok "$K batch resume -q heads"))
  end)

  it("whose columns are wrong half way ends there, with what came before run", function()
    local code, out, errors = batch.shell("$K batch --no-sandbox --jobs 1 -q --name wrong \\\n"
      .. "--csv --header --command 'echo {n}'", "n,m\na,1\nb\nc,3\n")
    assert.equal(1, code)
    assert.is_true(out == "a\n" or out == "")
    assert.matches("batch wrong: standard input:3: 1 columns, and the header has 2\n", errors, 1,
      true)
  end)
end)
