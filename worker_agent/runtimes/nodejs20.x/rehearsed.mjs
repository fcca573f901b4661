// The function of the rehearsal: an ES module, as those load slower the first time. It is never a tenant's.
export const handler = async (event) => event;
