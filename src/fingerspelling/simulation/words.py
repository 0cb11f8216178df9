"""Word lists and syllables from which phrases.py builds what nobody has spelled before."""

from pathlib import Path


def _listed(text: str) -> list[str]:
    return text.split()


GIVEN_NAMES = _listed(
    "aaron abigail adam adele agnes aisha alan albert alice amina amy andre anita anna arthur barbara beatrice "
    "benjamin bianca boris brenda bruno caleb camila carla carlos cecilia chloe claire connor curtis daniel daphne "
    "david deborah diego dmitri dolores doris edith edwin elena elias ella emil emma enzo erica esther ethan eva "
    "felix fiona florence frank freya gabriel george gina gloria grace greta gustavo hannah harold hassan hazel "
    "heather hector helen hugo ian ida ingrid iris isaac ivan jack jacob jasmine javier jean jeffrey jill joan joel "
    "jorge joshua joyce juan judith julia kamal karen karl kathleen kevin kim kyle lara laura leon lillian linda "
    "logan lucas lucy luis mabel malik marcus maria marion martha martin matthew maya megan melvin mia miguel mila "
    "miriam mohammed monica nadia nancy naomi neil nina noah nora norman olga oliver olivia omar oscar pablo pamela "
    "patrick paula pedro peter phoebe quentin rachel rafael ralph rebecca regina ricardo rita robert rosa roy ruth "
    "ryan sam samantha sara sean sergio sheila silvia simon sofia stella steven susan sylvester tamara tanya teresa "
    "theo thomas tina tracy tyler ursula valerie vanessa vera victor vince violet walter wanda wendy william xavier "
    "yasmin yolanda yusuf yvonne zachary zara zoe"
)
# Surnames and other proper names: openings and endings that people recognise as names.
NAME_OPENINGS = _listed(
    "al ander ash back barn ben berg black bran brook bur cal carl castel chan clay clif col cor crane dal dev don "
    "ed el ever fair fern ford gar gold gon grand green hal ham har hart hend hill hol jack jen kauf ker kim lam lang "
    "law led lin lock long mac mar mart mil mont moor nor oak ober ol pal park pat per quin ram rich ro rod ros san "
    "schwar sil stan stein sul tan thorn tor val van ver wal war web wes whit wil wood ya zim"
)
NAME_ENDINGS = _listed(
    "a ada ado ano berg bury by combe dale dez den der don e elli er ers es ett ette ey ez field ford ham haus holm "
    "i ier ies ill in ing ini io is ish ita kin kins ko land ley li lin lo man mann mer ner ney o off ola on ov ova "
    "quist ran rey ridge rock s sen ski smith son stad stein ston ter ton us vale vich vin wald way well wick witz "
    "worth y"
)
PLACE_WORDS = _listed(
    "alder apple arrow aspen autumn bay beaver birch blue bluff brick bridge bright canyon cedar cherry chestnut "
    "church clear clover copper coral county cove crane creek crystal deer dogwood eagle east elk elm falls farm fern "
    "field fire forest fox glen golden grape green grove harbor hawk hickory high hollow horse indian iron ivy "
    "juniper king lake laurel lime little long lost maple meadow mill mirror moss new north oak old olive orchard "
    "otter park pearl pebble pine plum prairie quail rabbit raven red ridge river rock rose royal sage sand shadow "
    "silver south spring spruce stone summer sun swan timber turtle twin union valley view vista walnut water west "
    "white wild willow wind winter wolf wood yellow"
)
STREETS = _listed(
    "road road road street street street street avenue avenue avenue lane lane drive drive drive court circle way "
    "way trail trail place place boulevard loop hill park parkway terrace square path row run highway route bend "
    "ridge pike alley crossing plaza"
)
DIRECTIONS = _listed("north south east west northeast northwest southeast southwest ne nw se sw n s e w")
SITE_WORDS = _listed(
    "about account active album archive art article audio auto baby bank best bike blog board boat book box bus "
    "cafe camp car card cart casino center chat city class club code coffee comic contact cook cool craft daily data "
    "date design dog down drive east edit event expo farm fashion file film find fish fit food forum free fun gallery "
    "game garden gift girl global gold golf good green group guide hair hand health help home host hotel house ideas "
    "image index info item job journal kids lab land law learn life light link list live local log love mag mail map "
    "market media menu mobile model money music net news night online open page paper park party pet photo phone pic "
    "pizza plan play plus point post press print product profile radio rent report room run sale school score search "
    "sea sell shop show site sky soft song sport star start stock store story style sun super sushi tag tea team tech "
    "test theme time tips today tool top tour town toy track trade travel tube tv user video view vip voice walk wall "
    "watch water web week wiki wine wood work world yoga zone"
)
TOP_DOMAINS = _listed(
    "com com com com com com com com net org org info biz ru de de co.uk com.br fr it es nl pl jp co.jp cz hu se be "
    "ch at us ca com.au in ir vn edu gov eu io co me tv gr ro ua kr dk no fi sk pt cl com.ar mx tr xyz top online"
)
FILE_ENDINGS = _listed(".html .html .htm .php .aspx .pdf .jpg .cfm .asp .js")
# Consonants before the vowel, vowels, consonants after it: the sound of some languages.
SYLLABLES = [
    tuple(part.split(",") for part in sounds.split("|"))
    for sounds in (
        "b,c,d,f,g,h,j,l,m,n,p,r,s,t,w,br,cl,dr,fl,gr,pl,sh,sl,sp,st,th,tr,wh,y|a,e,i,o,u,ea,oo,ai,ow|,,,n,r,s,t,ll,ck,nd,st,rk,ng,x",
        "b,c,d,f,g,l,m,n,p,r,s,t,v,ch,j,qu,ll|a,e,i,o,u,a,e,o,ia,ue|,,,,,n,r,s,l",
        "b,d,f,g,h,k,l,m,n,r,s,t,w,z,sch,st,pf,kr,br,schl|a,e,i,o,u,e,ei,ie,au,eu|,,n,r,ch,t,l,rg,nd,ss,tz,ff",
        "b,ch,d,f,g,h,j,k,m,n,r,s,sh,t,ts,w,y,z,ky|a,i,u,e,o,a,o,ou|,,,,,n",
        "b,c,d,f,g,k,l,m,n,p,r,s,t,w,z,cz,sz,dz,kr,pr,st,w|a,e,i,o,y,a,o,ie|,,,n,k,w,j,l,ch,sk",
        "b,d,g,h,k,l,m,n,ng,p,ph,qu,t,th,tr,v,x,z,j|a,i,u,e,o,ao,ua,uy,ie|,,n,ng,nh,t,m,h",
    )
]
# Letters that seldom come up, to be inserted.
RARE_LETTERS = "jqxzkvwyfp"

_SENTENCES = """
what time is it now | where is the station | the train is late again | please open the window | i forgot my keys |
see you tomorrow | thank you very much | how much does it cost | nice to meet you | can you help me |
i am learning to sign | the soup is too hot | we are almost there | call me after lunch | it rained all night |
the dog wants out | my sister lives abroad | turn left at the church | the shop is closed | happy birthday to you |
have a safe trip | good luck with the exam | the milk went sour | i need a new phone | water the plants |
the bus stops here | coffee without sugar | a table for two | the movie was great | wait for me outside |
this seat is taken | the lights went out | he plays the guitar | she paints the fence | they moved last week |
the door is locked | dinner is ready | the baby is asleep | tell me the truth | an early bird | i read that book |
the sun is setting | bring an umbrella | we missed the ferry | the kettle is boiling | my shoes are wet |
the map is upside down | take the second exit | keep the change | no parking here | the meeting was moved |
write it down | the printer has no paper | send me a picture | the battery is empty | what is the password |
save your work | the market opens at dawn | fresh bread every day | a dozen brown eggs | pass the salt please |
the cake fell apart | peel the potatoes | the tea is cold | a bowl of cherries | we ran out of butter |
the knife is sharp | the river is high | snow covers the hills | a fox crossed the road | the wind is strong |
birds fly south | the moon is full | stars above the lake | a quiet morning | the leaves turn yellow |
spring is coming | the children laugh | grandma tells a story | my brother is a pilot | her name is zoe |
his cat is called max | we sing in a choir | the team won the cup | run faster next time | the goal keeper jumped |
he broke the record | the doctor will see you | take two a day | my back hurts | wash your hands | get well soon |
i feel much better | the bill is wrong | pay by card | a small discount | the parcel arrived | sign here please |
the office is upstairs | the elevator is broken | a quick question | jump over the puddle | the quiz was easy |
six boxes of wax | the judge was fair | a vexing problem | pack my jacket | the zebra drinks | we just fixed it |
quite a journey | the exact same thing | maybe next year | never give up | all is well | better late than never |
practice makes perfect | where did you park | the cat sleeps all day | my phone is dead | i will be back soon |
turn the music down | the shelf is too high | she speaks three languages | open the top drawer |
the paint is still wet | we grow our own beans | the clock is slow | put it on the scale | a letter for you |
the bridge is closed | he forgot the bread | do not touch the stove | the garden needs rain | lend me a pencil |
the roof leaks | his uncle fixes bikes | the soup needs pepper | take off your coat | the flight was delayed |
where are my glasses | that was a close call | the fire is out | let us start over | the map is on page six |
cut the paper in half | it is your turn | the ink ran dry | a nest in the chimney | the queue is long |
our neighbors are kind | the jar is empty | mix flour and eggs | add a pinch of salt | bake for half an hour |
the crust is golden | set the alarm for seven | i overslept again | brush your teeth | the mirror is foggy |
the towel is on the hook | fold the laundry | the sock has a hole | sew the button on | sweep the kitchen floor |
take out the trash | the sink is clogged | call a plumber | the key is under the mat | lock the back door |
who rang the bell | come in and sit down | the chair is wobbly | light a candle | the curtain is blue |
hang the picture here | the bulb burned out | we need more chairs | the guests are early | pour the juice |
cheers to all of us | the joke was funny | they danced until two | the band plays jazz | sing it once more |
the drum is too loud | i play the cello | the choir was flat | buy two get one free | the price went up |
do you have change | keep the receipt | this size is too big | try on the gray one | the zipper is stuck |
it fits like a glove | the store opens at nine | where is the exit | the escalator stopped | i lost my ticket |
the bus was crowded | change trains in the city | mind the gap | the tunnel is dark | the road is icy |
slow down please | turn on the lights | fill up the tank | check the tires | the engine is noisy | the trunk is full |
we are out of gas | a detour through the woods | the view is stunning | pitch the tent | the trail is steep |
watch your step | bears live here | boil the water first | the stream is clear | we saw a moose | the fish are biting |
row to the island | the tide is low | waves crash on the rocks | build a sand castle | the sun burned my nose |
pack a swimsuit | the pool is heated | dive in head first | float on your back | the lifeguard whistled |
the match ended in a tie | she scored twice | the referee was late | a perfect serve | kick the ball |
catch it if you can | the coach is strict | warm up before you run | my knee is swollen | take a deep breath |
drink plenty of tea | the fever is gone | rest for a week | the nurse was gentle | open your mouth wide |
i have a toothache | the pills are bitter | see you at the clinic | the test came back fine | stay at home |
read the first chapter | the library is quiet | return it by monday | the ending is sad | learn it by heart |
the exam is on friday | raise your hand | the chalk squeaks | sharpen your pencil | solve for x | the answer is seven |
check your spelling | a short summary | the teacher is ill | class starts at eight | copy the second line |
the printer is jammed | restart the computer | i forgot the code | the screen froze | plug in the charger |
send it by mail | the file is too large | my inbox is full | the link is broken | join the call at noon |
you are on mute | share your screen | the deadline is near | we met the target | ask for a raise | the boss is away |
sign the contract | the lease is up | move in by june | the rent is due | a room with a view | the walls are thin |
who lives upstairs | feed the goldfish | walk the dog at six | the parrot talks back | the horse needs hay |
milk the cows | the rooster crows early | pick the ripe plums | rake the dry leaves | plant the bulbs deep |
the frost killed the figs | bees love clover | a spider in the tub | the owl hoots at night | it might snow today |
the fog will lift | thunder woke me up | the sky turned pink | save some for later | share it with everyone |
make a wish | blow out the candles | welcome to the family | she said yes | the vows were short | throw the bouquet |
the twins look alike | he has his eyes | grandpa naps at three | the crib is ready | tell me about your trip |
we got lost twice | the food was amazing | i miss you already | write to me often | keep in touch |
it was worth the wait | the best is yet to come
"""
SENTENCES = [sentence.strip() for sentence in _SENTENCES.split("|")]
# The words that are commonest in English, roughly, most frequent first, and those of everyday talk.
COMMON = _listed(
    "the of and to in a is that it was for on are as with his they at be this from have or by one had not but what "
    "all were when we there can an your which their said if do will each about how up out them then she many some so "
    "these would other into has more her two like him see time could no make than first been its who now people my "
    "made over did down only way find use may water long little very after words called just where most know get "
    "through back much before go good new write our used me man too any day same right look think also around another "
    "came come work three word must because does part even place well such here take why things help put years "
    "different away again off went old number great tell men say small every found still between name should home big "
    "give air line set own under read last never us left end along while might next sound below saw something thought "
    "both few those always looked show large often together asked house don world going want school important until "
    "form food keep children feet land side without boy once animals life enough took sometimes four head above kind "
    "began almost live page got earth need far hand high year mother light parts country father let night following "
    "picture being study second eyes soon times story boys since white days ever paper hard near sentence better best "
    "across during today others however sure means knew try told young miles sun ways thing whole hear example heard "
    "several change answer room sea against top turned learn point city play toward five using himself usually money "
    "seen car morning body upon family later turn move face door cut done group true half red fish plants living "
    "black eat short united run book gave order open ground cold really table remember tree course front space inside "
    "ago sad early learned brought close nothing though started idea call lived makes became looking add become grow "
    "draw yet less wind behind cannot letter among able dog shown mean english rest perhaps certain six feel fire "
    "ready green yes built special ran full town complete oh person hot anything hold state list stood hundred ten "
    "fast felt kept notice strong voice probably area horse matter stand box start class piece surface river common "
    "stop am talk whether fine round dark girl past ball road blue instead either held already warm gone finally cat "
    "summer understand moon mind outside power problem longer winter deep heavy carefully follow beautiful everyone "
    "leave everything game system bring watch shall dry within floor ice ship themselves begin fact third quite carry "
    "distance although sat possible heart real simple snow rain suddenly easy leaves lay size wild weather miss sky "
    "walked main someone center field stay itself boat question wide least tiny hour happened foot care low else gold "
    "build glass rock tall alone bottom check fall poor map friend language job music buy window mark meet baby "
    "coffee tea milk bread phone happy hello thanks please sorry love friday monday sunday doctor nurse bus train "
    "bank store shop park church party week month tomorrow yesterday tonight husband wife son daughter brother sister "
    "aunt uncle cousin mom dad deaf hearing sign student teacher college"
)
# Words that exist: everyday ones, abbreviations, first names, places, and those of the lists above.
ENGLISH = Path(__file__).with_name("english.txt").read_text().split()
# 30,000 more of up to nine letters, rare ones among them; after the notice, in lines that begin with #.
DICTIONARY = [
    word
    for line in Path(__file__).with_name("dictionary.txt").read_text().splitlines()
    if not line.startswith("#")
    for word in line.split()
]
KNOWN = sorted({word for sentence in SENTENCES for word in sentence.split()} | {*SITE_WORDS, *PLACE_WORDS, *ENGLISH})
