// A function for nodejs20.x, as an ES module: it answers with the event, how often it was called, and the variable MINE.
let calls = 0;

export const handler = async (event) => {
  calls += 1;
  console.log("hello");
  if (event.by === 0) throw new RangeError("division by zero");
  return { event, calls, mine: process.env.MINE };
};
