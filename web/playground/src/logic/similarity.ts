/** Cosine of the angle between two vectors; 0 where one has no direction. */
export function cosine(a: readonly number[], b: readonly number[]): number {
  let [product, squaresA, squaresB] = [0, 0, 0];
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? 0;
    product += left * right;
    squaresA += left * left;
    squaresB += right * right;
  }
  return product === 0 ? 0 : product / Math.sqrt(squaresA * squaresB);
}
